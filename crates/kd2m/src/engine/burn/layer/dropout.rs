//! What is left out at random while training, by the draws of our own engine.

use burn::tensor::{Tensor, TensorData};
use kd2m_nn::Dropout;

use super::{scope::Scope, value::Value};
use crate::engine::Mode;

pub fn apply(scope: &Scope, inputs: &[Value], dropout: &Dropout) -> Option<Value> {
    let [input] = inputs else { return None };
    if scope.mode == Mode::Evaluate {
        return Some(input.clone());
    }
    let factors = |n: usize, channels: usize| {
        let factors = dropout.factors(&scope.draws, n, channels);
        Tensor::<2>::from_data(TensorData::new(factors, [n, channels]), scope.device)
    };
    Some(match input {
        Value::Map(x) => {
            let [n, c, ..] = x.dims();
            Value::Map(x.clone() * factors(n, c).reshape([n, c, 1, 1]))
        }
        Value::Vector(x) => {
            let [n, c] = x.dims();
            Value::Vector(x.clone() * factors(n, c))
        }
        Value::Tokens(x) => {
            let [n, _, c] = x.dims();
            Value::Tokens(x.clone() * factors(n, c).reshape([n, 1, c]))
        }
    })
}
