//! 1 / (1 + exp(−x)).

use burn::tensor::activation;

use super::{
    scope::Scope,
    value::{Value, each},
};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    Some(each!(x, x => activation::sigmoid(x.clone())))
}
