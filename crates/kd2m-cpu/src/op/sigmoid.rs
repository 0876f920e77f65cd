//! The logistic function.

use super::function::{Function, exp};

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// σ(x); its slope is σ(x) (1 − σ(x)).
pub struct Sigmoid;

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
