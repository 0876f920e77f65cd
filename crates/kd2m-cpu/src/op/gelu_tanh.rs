//! The Gaussian error linear unit by a hyperbolic tangent.

use std::f32::consts;

use super::{
    function::{self, Function},
    sigmoid::sigmoid,
};
use crate::plan::{Compiler, Place};

/// ½ x (1 + tanh u) = x σ(2u) with 2u = a (x + c x³); its slope is σ + x σ (1 − σ) a (1 + 3 c x²).
struct GeluTanh;

/// 2 √(2/π).
const A: f32 = 2.0 * consts::FRAC_2_SQRT_PI * consts::FRAC_1_SQRT_2;
const C: f32 = 0.044_715;

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    function::plan::<GeluTanh>(c, node)
}

impl Function for GeluTanh {
    #[inline(always)]
    fn value(x: f32) -> f32 {
        x * sigmoid(A * (x + C * (x * x * x)))
    }

    #[inline(always)]
    fn slope(x: f32) -> f32 {
        let gate = sigmoid(A * (x + C * (x * x * x)));
        gate + x * gate * (1.0 - gate) * (A * (1.0 + 3.0 * C * (x * x)))
    }
}
