//! Linear layers, of vectors and of each token.

use burn::tensor::module::linear;
use kd2m_nn::{Linear, Role};

use super::{scope::Scope, value::Value};

pub fn apply(scope: &Scope, inputs: &[Value], _: &Linear) -> Option<Value> {
    let (weight, bias) = (scope.parameter::<2>(Role::Weight).transpose(), scope.optional(Role::Bias));
    match inputs {
        [Value::Vector(x)] => Some(Value::Vector(linear(x.clone(), weight, bias))),
        [Value::Tokens(x)] => Some(Value::Tokens(linear(x.clone(), weight, bias))),
        _ => None,
    }
}
