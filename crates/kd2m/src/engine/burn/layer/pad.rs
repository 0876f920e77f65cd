//! Zeros around maps.

use super::value::{Value, map};

pub fn apply([top, left, bottom, right]: [usize; 4], inputs: &[Value]) -> Option<Value> {
    Some(Value::Map(map(inputs)?.clone().pad((left, right, top, bottom), 0.0)))
}
