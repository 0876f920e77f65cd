//! Maxima, means over windows, and the mean over positions.

use burn::tensor::{
    Tensor, TensorData,
    module::{avg_pool2d, max_pool2d},
    ops::{AvgPoolOptions, MaxPoolOptions},
};
use kd2m_nn::Pool;

use super::value::{Value, map};

/// Maxima over windows.
pub fn max(pool: &Pool, inputs: &[Value]) -> Option<Value> {
    let (x, padding) = reached(pool, map(inputs)?, f32::NEG_INFINITY);
    let options =
        MaxPoolOptions { kernel_size: pool.kernel, stride: pool.stride, padding, dilation: [1, 1], ceil_mode: false };
    Some(Value::Map(max_pool2d(x, options)))
}

/// Means over windows.
pub fn mean(pool: &Pool, inputs: &[Value]) -> Option<Value> {
    let given = map(inputs)?;
    let [.., h, w] = given.dims();
    let (x, padding) = reached(pool, given, 0.0);
    let options = AvgPoolOptions {
        kernel_size: pool.kernel,
        stride: pool.stride,
        padding,
        count_include_pad: true,
        ceil_mode: false,
    };
    let y = avg_pool2d(x, options);
    let [.., rows, columns] = y.dims();
    let whole = (pool.kernel[0] * pool.kernel[1]) as f32;
    Some(Value::Map(match pool.divisors([h, w], [rows, columns]) {
        None => y,
        Some(divisors) => {
            let factors: Vec<f32> = divisors.into_iter().map(|divisor| whole / divisor).collect();
            let factors = Tensor::<4>::from_data(TensorData::new(factors, [1, 1, rows, columns]), &y.device());
            y * factors
        }
    }))
}

/// The map with the places that only windows beyond the padding reach, and the padding that is left to the pool.
fn reached(pool: &Pool, x: &Tensor<4>, outside: f32) -> (Tensor<4>, [(usize, usize); 2]) {
    let [[h, w], [below, right]] = [pool.padding, pool.beyond];
    match pool.beyond {
        [0, 0] => (x.clone(), pool.padding.map(|p| (p, p))),
        _ => (x.clone().pad((w, w + right, h, h + below), outside), [(0, 0); 2]),
    }
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
