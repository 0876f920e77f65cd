//! A learned factor for each channel.

use kd2m_nn::{Role, Scale};

use super::{scope::Scope, value::Value};

pub fn apply(scope: &Scope, inputs: &[Value], scale: &Scale) -> Option<Value> {
    let c = scale.channels;
    let factors = match scale.spread {
        true => scope.parameter::<3>(Role::Scale).reshape([c]),
        false => scope.parameter::<1>(Role::Scale),
    };
    match inputs {
        [Value::Map(x)] => Some(Value::Map(x.clone() * factors.reshape([1, c, 1, 1]))),
        [Value::Vector(x)] => Some(Value::Vector(x.clone() * factors.reshape([1, c]))),
        [Value::Tokens(x)] => Some(Value::Tokens(x.clone() * factors.reshape([1, 1, c]))),
        _ => None,
    }
}
