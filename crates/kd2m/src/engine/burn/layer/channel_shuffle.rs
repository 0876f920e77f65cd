//! Channels across groups.

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value], groups: &usize) -> Option<Value> {
    let x = map(inputs)?;
    let ([n, c, h, w], groups) = (x.dims(), *groups);
    let grouped = x.clone().reshape([n, groups, c / groups, h * w]);
    Some(Value::Map(grouped.swap_dims(1, 2).reshape([n, c, h, w])))
}
