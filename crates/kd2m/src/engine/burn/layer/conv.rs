//! Two-dimensional convolution.

use burn::tensor::{module::conv2d, ops::ConvOptions};
use kd2m_nn::{Conv, Role};

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(scope: &Scope, inputs: &[Value], conv: &Conv) -> Option<Value> {
    let options = ConvOptions::new(conv.stride, conv.padding, conv.dilation, conv.groups);
    let (weight, bias) = (scope.parameter::<4>(Role::Weight), scope.optional(Role::Bias));
    Some(Value::Map(conv2d(map(inputs)?.clone(), weight, bias, options)))
}
