//! The logistic function in three pieces.

use super::function::{self, Function};
use crate::plan::{Compiler, Place};

/// min(max(x / 6 + 1/2, 0), 1).
#[inline(always)]
pub fn gate(x: f32) -> f32 {
    let value = x * (1.0 / 6.0) + 0.5;
    let value = if value < 0.0 { 0.0 } else { value };
    if value > 1.0 { 1.0 } else { value }
}

/// Its slope is 1/6 between −3 and 3, and 0 elsewhere and in the corners, as PyTorch's.
struct HardSigmoid;

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    function::plan::<HardSigmoid>(c, node)
}

impl Function for HardSigmoid {
    #[inline(always)]
    fn value(x: f32) -> f32 {
        gate(x)
    }

    #[inline(always)]
    fn slope(x: f32) -> f32 {
        if x.abs() < 3.0 { 1.0 / 6.0 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_slopes_are_the_pieces() {
        let (value, slope) = (HardSigmoid::value as fn(f32) -> f32, HardSigmoid::slope as fn(f32) -> f32);
        assert_eq!([-5.0, -3.0, 0.0, 3.0, 5.0].map(value), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!([-5.0, -2.9, 2.9, 5.0].map(slope), [0.0, 1.0 / 6.0, 1.0 / 6.0, 0.0]);
        assert!(value(f32::NAN).is_nan(), "a diverged run shows");
    }
}
