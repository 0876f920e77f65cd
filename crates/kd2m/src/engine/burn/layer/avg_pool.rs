//! Means over windows.

use burn::tensor::{Tensor, TensorData, module::avg_pool2d, ops::AvgPoolOptions};
use kd2m_nn::Pool;

use super::{
    reach::reached,
    scope::Scope,
    value::{Value, map},
};

pub fn apply(_: &Scope, inputs: &[Value], pool: &Pool) -> Option<Value> {
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
