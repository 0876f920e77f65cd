//! Runs of channels.

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value], start: &usize, len: &usize) -> Option<Value> {
    Some(Value::Map(map(inputs)?.clone().narrow(1, *start, *len)))
}
