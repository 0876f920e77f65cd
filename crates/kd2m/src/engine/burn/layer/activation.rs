//! Activations.

use burn::tensor::activation;

use super::value::{Value, each};

/// max(x, 0).
pub fn relu(inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => activation::relu(x.clone())))
}

/// min(max(x, 0), 6).
pub fn relu6(inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => x.clone().clamp(0.0, 6.0)))
}

/// x Φ(x), with the error function.
pub fn gelu(inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => activation::gelu(x.clone())))
}

/// x / (1 + exp(−x)).
pub fn silu(inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => activation::silu(x.clone())))
}
