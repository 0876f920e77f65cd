//! A learned vector added to each token.

use kd2m_nn::{Position, Role};

use super::{scope::Scope, value::Value};

pub fn apply(scope: &Scope, inputs: &[Value], _: &Position) -> Option<Value> {
    let [Value::Tokens(x)] = inputs else { return None };
    Some(Value::Tokens(x.clone() + scope.parameter::<3>(Role::Embedding)))
}
