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

/// 1 / (1 + exp(−x)).
pub fn sigmoid(inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => activation::sigmoid(x.clone())))
}

/// min(max(x / 6 + 1/2, 0), 1).
pub fn hard_sigmoid(inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => (x.clone() / 6.0 + 0.5).clamp(0.0, 1.0)))
}

/// x min(max(x / 6 + 1/2, 0), 1).
pub fn hard_swish(inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => (x.clone() / 6.0 + 0.5).clamp(0.0, 1.0) * x.clone()))
}
