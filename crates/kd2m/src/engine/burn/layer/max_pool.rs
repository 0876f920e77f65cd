//! Maxima over windows.

use burn::tensor::{module::max_pool2d, ops::MaxPoolOptions};
use kd2m_nn::Pool;

use super::{
    reach::reached,
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value], pool: &Pool) -> Option<Value> {
    let (x, padding) = reached(pool, map(inputs)?, f32::NEG_INFINITY);
    let options =
        MaxPoolOptions { kernel_size: pool.kernel, stride: pool.stride, padding, dilation: [1, 1], ceil_mode: false };
    Some(Value::Map(max_pool2d(x, options)))
}
