//! Means over windows.

use burn::tensor::{module::avg_pool2d, ops::AvgPoolOptions};
use kd2m_nn::Pool;

use super::{
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value], pool: &Pool) -> Option<Value> {
    let options = AvgPoolOptions {
        kernel_size: pool.kernel,
        stride: pool.stride,
        padding: pool.padding.map(|p| (p, p)),
        count_include_pad: true,
        ceil_mode: false,
    };
    Some(Value::Map(avg_pool2d(map(inputs)?.clone(), options)))
}
