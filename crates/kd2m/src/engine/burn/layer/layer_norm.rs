//! Layer normalisation over vectors, tokens, and the channels at each place of maps.

use burn::tensor::module::layer_norm;
use kd2m_nn::{LayerNorm, Role};

use super::{scope::Scope, value::Value};

pub fn apply(scope: &Scope, inputs: &[Value], norm: &LayerNorm) -> Option<Value> {
    let (scale, shift) = (scope.parameter::<1>(Role::Scale), Some(scope.parameter::<1>(Role::Shift)));
    let eps = f64::from(norm.eps);
    match inputs {
        [Value::Map(x)] => {
            let last = x.clone().permute([0, 2, 3, 1]);
            Some(Value::Map(layer_norm(last, scale, shift, eps).permute([0, 3, 1, 2])))
        }
        [Value::Vector(x)] => Some(Value::Vector(layer_norm(x.clone(), scale, shift, eps))),
        [Value::Tokens(x)] => Some(Value::Tokens(layer_norm(x.clone(), scale, shift, eps))),
        _ => None,
    }
}
