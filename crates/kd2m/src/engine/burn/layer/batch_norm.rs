//! Batch normalisation over the channels of maps and vectors.

use burn::tensor::{
    Tensor,
    module::{batch_norm, batch_norm_train},
};
use kd2m_nn::{BatchNorm, Role};

use super::{scope::Scope, value::Value};
use crate::engine::Mode;

pub fn apply(scope: &mut Scope, inputs: &[Value], norm: &BatchNorm) -> Option<Value> {
    match inputs {
        [Value::Map(x)] => Some(Value::Map(normalise(scope, norm, x.clone()))),
        [Value::Vector(x)] => Some(Value::Vector(normalise(scope, norm, x.clone()))),
        _ => None,
    }
}

fn normalise<const D: usize>(scope: &mut Scope, norm: &BatchNorm, x: Tensor<D>) -> Tensor<D> {
    let (eps, momentum) = (f64::from(norm.eps), f64::from(norm.momentum));
    let (scale, shift) = (scope.parameter::<1>(Role::Scale), scope.parameter::<1>(Role::Shift));
    let (mean, variance) = (scope.running(Role::RunningMean), scope.running(Role::RunningVariance));
    if scope.mode == Mode::Evaluate {
        return batch_norm(x, scale, shift, mean, variance, eps);
    }
    let dims = x.dims();
    let count = (dims.iter().product::<usize>() / dims[1]) as f64;
    let out = batch_norm_train(x, scale, shift, eps);
    // PyTorch keeps the unbiased variance of the batch in the running statistics.
    let unbiased = out.variance.inner() * (count / (count - 1.0).max(1.0));
    scope.set_running(Role::RunningMean, mean * (1.0 - momentum) + out.mean.inner() * momentum);
    scope.set_running(Role::RunningVariance, variance * (1.0 - momentum) + unbiased * momentum);
    out.output
}
