//! Sums of two branches.

use super::{scope::Scope, value::Value};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    match inputs {
        [Value::Map(x), Value::Map(y)] => Some(Value::Map(x.clone() + y.clone())),
        [Value::Vector(x), Value::Vector(y)] => Some(Value::Vector(x.clone() + y.clone())),
        [Value::Tokens(x), Value::Tokens(y)] => Some(Value::Tokens(x.clone() + y.clone())),
        _ => None,
    }
}
