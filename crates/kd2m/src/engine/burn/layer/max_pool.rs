//! Maxima over windows.

use burn::tensor::{module::max_pool2d, ops::MaxPoolOptions};
use kd2m_nn::Pool;

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value], pool: &Pool) -> Option<Value> {
    let options = MaxPoolOptions {
        kernel_size: pool.kernel,
        stride: pool.stride,
        padding: pool.padding.map(|p| (p, p)),
        dilation: [1, 1],
        ceil_mode: false,
    };
    Some(Value::Map(max_pool2d(map(inputs)?.clone(), options)))
}
