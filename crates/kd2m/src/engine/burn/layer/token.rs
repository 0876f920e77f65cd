//! One of the tokens as a vector.

use super::{scope::Scope, value::Value};

pub fn apply(_: &Scope, inputs: &[Value], at: &usize) -> Option<Value> {
    let [Value::Tokens(x)] = inputs else { return None };
    let [n, _, width] = x.dims();
    Some(Value::Vector(x.clone().narrow(1, *at, 1).reshape([n, width])))
}
