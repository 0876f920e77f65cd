//! Maps as vectors.

use super::{scope::Scope, value::Value};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    match inputs {
        [Value::Map(x)] => {
            let [n, c, h, w] = x.dims();
            Some(Value::Vector(x.clone().reshape([n, c * h * w])))
        }
        [Value::Vector(x)] => Some(Value::Vector(x.clone())),
        _ => None,
    }
}
