//! Runs of channels.

use super::value::{Value, map};

pub fn apply(start: usize, len: usize, inputs: &[Value]) -> Option<Value> {
    Some(Value::Map(map(inputs)?.clone().narrow(1, start, len)))
}
