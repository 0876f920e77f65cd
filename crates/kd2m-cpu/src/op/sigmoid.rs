//! The logistic function.

use super::function::{self, Function, exp};
use crate::plan::{Compiler, Place};

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// σ(x); its slope is σ(x) (1 − σ(x)).
struct Sigmoid;

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    function::plan::<Sigmoid>(c, node)
}

impl Function for Sigmoid {
    #[inline(always)]
    fn value(x: f32) -> f32 {
        sigmoid(x)
    }

    #[inline(always)]
    fn slope(x: f32) -> f32 {
        let value = sigmoid(x);
        value * (1.0 - value)
    }
}
