//! x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.

use std::f64::consts;

use super::{
    scope::Scope,
    value::{Value, each},
};

pub fn apply(_: &Scope, inputs: &[Value]) -> Option<Value> {
    let [x] = inputs else { return None };
    let factor = consts::FRAC_2_SQRT_PI * consts::FRAC_1_SQRT_2;
    Some(each!(x, x => {
        let cube = x.clone() * x.clone() * x.clone();
        (((x.clone() + cube * 0.044_715) * factor).tanh() + 1.0) * x.clone() * 0.5
    }))
}
