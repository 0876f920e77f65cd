//! Images by their mean and standard deviation.

use super::{scope::Scope, value::Value};

pub fn apply(scope: &Scope, inputs: &[Value], mean: &[f32], std: &[f32]) -> Option<Value> {
    let channels = mean.len();
    let (shift, scale) = (scope.constant(mean), scope.constant(std));
    match inputs {
        [Value::Map(x)] => {
            let shape = [1, channels, 1, 1];
            Some(Value::Map((x.clone() - shift.reshape(shape)) / scale.reshape(shape)))
        }
        [Value::Vector(x)] => {
            let shape = [1, channels];
            Some(Value::Vector((x.clone() - shift.reshape(shape)) / scale.reshape(shape)))
        }
        _ => None,
    }
}
