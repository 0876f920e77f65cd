//! The mean over places or tokens.

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    if let [Value::Tokens(x)] = inputs {
        let [n, _, d] = x.dims();
        return Some(Value::Vector(x.clone().mean_dim(1).reshape([n, d])));
    }
    let x = map(inputs)?;
    let [n, c, h, w] = x.dims();
    Some(Value::Vector(x.clone().reshape([n, c, h * w]).mean_dim(2).reshape([n, c])))
}
