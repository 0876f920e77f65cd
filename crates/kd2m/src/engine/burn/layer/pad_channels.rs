//! Channels of zeros beside those of a map.

use burn::tensor::Tensor;

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value], before: &usize, after: &usize) -> Option<Value> {
    let x = map(inputs)?;
    let [n, _, h, w] = x.dims();
    let zeros = |channels: &usize| (*channels > 0).then(|| Tensor::<4>::zeros([n, *channels, h, w], &x.device()));
    let parts = [zeros(before), Some(x.clone()), zeros(after)];
    Some(Value::Map(Tensor::cat(parts.into_iter().flatten().collect(), 1)))
}
