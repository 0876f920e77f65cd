//! Rectifiers with a slope below zero.

use burn::tensor::activation::relu;
use kd2m_nn::{Prelu, Role};

use super::{
    scope::Scope,
    value::{Value, each},
};

pub fn apply(scope: &Scope, inputs: &[Value], prelu: &Prelu) -> Option<Value> {
    let [x] = inputs else { return None };
    let c = match *prelu {
        Prelu::Given(slope) => return Some(each!(x, x => relu(x.clone()) - relu(-x.clone()) * slope)),
        Prelu::Learned(slopes) => slopes,
    };
    let slopes = scope.parameter::<1>(Role::Scale);
    Some(match x {
        Value::Map(x) => Value::Map(relu(x.clone()) - relu(-x.clone()) * slopes.reshape([1, c, 1, 1])),
        Value::Vector(x) => Value::Vector(relu(x.clone()) - relu(-x.clone()) * slopes.reshape([1, c])),
        Value::Tokens(x) => Value::Tokens(relu(x.clone()) - relu(-x.clone()) * slopes.reshape([1, 1, c])),
    })
}
