//! Maps side by side.

use burn::tensor::Tensor;

use super::value::{Value, map};

pub fn apply(inputs: &[Value]) -> Option<Value> {
    let maps = inputs.iter().map(|value| map(std::slice::from_ref(value)).cloned());
    Some(Value::Map(Tensor::cat(maps.collect::<Option<Vec<_>>>()?, 1)))
}
