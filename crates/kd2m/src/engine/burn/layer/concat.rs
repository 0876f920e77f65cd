//! Maps side by side.

use burn::tensor::Tensor;

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    let maps = inputs.iter().map(|value| map(std::slice::from_ref(value)).cloned());
    Some(Value::Map(Tensor::cat(maps.collect::<Option<Vec<_>>>()?, 1)))
}
