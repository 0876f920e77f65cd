//! The Gaussian error linear unit.

use std::f32::consts::FRAC_1_SQRT_2;

use super::function::{self, Function, erf, exp};
use crate::plan::{Compiler, Place};

/// x Φ(x); its slope is Φ(x) + x φ(x).
struct Gelu;

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    function::plan::<Gelu>(c, node)
}

impl Function for Gelu {
    #[inline(always)]
    fn value(x: f32) -> f32 {
        x * (0.5 * (1.0 + erf(x * FRAC_1_SQRT_2)))
    }

    #[inline(always)]
    fn slope(x: f32) -> f32 {
        // 1 / √(2π)
        const DENSITY: f32 = 0.398_942_3;
        0.5 * (1.0 + erf(x * FRAC_1_SQRT_2)) + x * (DENSITY * exp(-0.5 * x * x))
    }
}
