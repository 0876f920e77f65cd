//! Zeros around maps.

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value], &[top, left, bottom, right]: &[usize; 4]) -> Option<Value> {
    Some(Value::Map(map(inputs)?.clone().pad((left, right, top, bottom), 0.0)))
}
