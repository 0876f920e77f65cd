//! Products of two branches, or of a map and a factor for each channel.

use super::{scope::Scope, value::Value};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    match inputs {
        // A map of one place is spread over the other's.
        [Value::Map(x), Value::Map(y)] => Some(Value::Map(x.clone() * y.clone())),
        [Value::Map(x), Value::Vector(factors)] => {
            let [n, c] = factors.dims();
            Some(Value::Map(x.clone() * factors.clone().reshape([n, c, 1, 1])))
        }
        [Value::Vector(x), Value::Vector(y)] => Some(Value::Vector(x.clone() * y.clone())),
        [Value::Tokens(x), Value::Tokens(y)] => Some(Value::Tokens(x.clone() * y.clone())),
        _ => None,
    }
}
