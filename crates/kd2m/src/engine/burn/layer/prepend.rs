//! A learned token before the others.

use burn::tensor::Tensor;
use kd2m_nn::{Prepend, Role};

use super::{scope::Scope, value::Value};

pub fn apply(scope: &Scope, inputs: &[Value], prepend: &Prepend) -> Option<Value> {
    let [Value::Tokens(x)] = inputs else { return None };
    let token = scope.parameter::<3>(Role::Embedding).expand([x.dims()[0], 1, prepend.width]);
    Some(Value::Tokens(Tensor::cat(vec![token, x.clone()], 1)))
}
