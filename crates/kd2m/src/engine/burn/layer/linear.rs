//! Linear layers, of vectors, of each token, and of the channels at each place of a map.

use burn::tensor::{
    module::{conv2d, linear},
    ops::ConvOptions,
};
use kd2m_nn::{Linear, Role};

use super::{scope::Scope, value::Value};

pub fn apply(scope: &Scope, inputs: &[Value], _: &Linear) -> Option<Value> {
    let (weight, bias) = (scope.parameter::<2>(Role::Weight), scope.optional(Role::Bias));
    if let [Value::Map(x)] = inputs {
        let [outputs, width] = weight.dims();
        let kernel = weight.reshape([outputs, width, 1, 1]);
        return Some(Value::Map(conv2d(x.clone(), kernel, bias, ConvOptions::new([1, 1], [0, 0], [1, 1], 1))));
    }
    let weight = weight.transpose();
    match inputs {
        [Value::Vector(x)] => Some(Value::Vector(linear(x.clone(), weight, bias))),
        [Value::Tokens(x)] => Some(Value::Tokens(linear(x.clone(), weight, bias))),
        _ => None,
    }
}
