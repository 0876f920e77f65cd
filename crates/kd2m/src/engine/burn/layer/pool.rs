//! Maxima, means over windows, and the mean over positions.

use burn::tensor::{
    module::{avg_pool2d, max_pool2d},
    ops::{AvgPoolOptions, MaxPoolOptions},
};
use kd2m_nn::Pool;

use super::value::{Value, map};

/// Maxima over windows.
pub fn max(pool: &Pool, inputs: &[Value]) -> Option<Value> {
    let options = MaxPoolOptions {
        kernel_size: pool.kernel,
        stride: pool.stride,
        padding: pool.padding.map(|p| (p, p)),
        dilation: [1, 1],
        ceil_mode: false,
    };
    Some(Value::Map(max_pool2d(map(inputs)?.clone(), options)))
}

/// Means over windows.
pub fn mean(pool: &Pool, inputs: &[Value]) -> Option<Value> {
    let options = AvgPoolOptions {
        kernel_size: pool.kernel,
        stride: pool.stride,
        padding: pool.padding.map(|p| (p, p)),
        count_include_pad: true,
        ceil_mode: false,
    };
    Some(Value::Map(avg_pool2d(map(inputs)?.clone(), options)))
}

/// The mean over places or tokens.
pub fn global(inputs: &[Value]) -> Option<Value> {
    if let [Value::Tokens(x)] = inputs {
        let [n, _, d] = x.dims();
        return Some(Value::Vector(x.clone().mean_dim(1).reshape([n, d])));
    }
    let x = map(inputs)?;
    let [n, c, h, w] = x.dims();
    Some(Value::Vector(x.clone().reshape([n, c, h * w]).mean_dim(2).reshape([n, c])))
}
