//! The Gaussian error linear unit.

use std::f32::consts::FRAC_1_SQRT_2;

use super::function::{Function, erf, exp};

/// x Φ(x); its slope is Φ(x) + x φ(x).
pub struct Gelu;

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
