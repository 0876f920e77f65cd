//! The sigmoid linear unit.

use super::{function::Function, sigmoid::sigmoid};

/// x σ(x); its slope is σ(x) (1 + x (1 − σ(x))).
pub struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn value(x: f32) -> f32 {
        x * sigmoid(x)
    }

    #[inline(always)]
    fn slope(x: f32) -> f32 {
        let gate = sigmoid(x);
        gate * (1.0 + x * (1.0 - gate))
    }
}
