//! SiLU in three pieces.

use super::{
    function::{self, Function},
    hard_sigmoid::gate,
};
use crate::plan::{Compiler, Place};

/// x min(max(x / 6 + 1/2, 0), 1); its slope is 0, x / 3 + 1/2 and 1, the middle one up to the corners, as PyTorch's.
struct HardSwish;

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    function::plan::<HardSwish>(c, node)
}

impl Function for HardSwish {
    #[inline(always)]
    fn value(x: f32) -> f32 {
        x * gate(x)
    }

    #[inline(always)]
    fn slope(x: f32) -> f32 {
        let middle = x * (1.0 / 3.0) + 0.5;
        let right = if x > 3.0 { 1.0 } else { middle };
        if x < -3.0 { 0.0 } else { right }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_slopes_are_the_pieces() {
        let (value, slope) = (HardSwish::value as fn(f32) -> f32, HardSwish::slope as fn(f32) -> f32);
        assert_eq!([-5.0, -3.0, 0.0, 3.0, 5.0].map(value), [0.0, 0.0, 0.0, 3.0, 5.0]);
        assert_eq!([-5.0, 0.0, 3.0, 5.0].map(slope), [0.0, 0.5, 1.5, 1.0]);
        assert!((slope(-1.5)).abs() < 1e-7 && value(f32::NAN).is_nan());
    }
}
