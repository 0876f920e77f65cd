//! The sigmoid linear unit.

use super::{
    function::{self, Function},
    sigmoid::sigmoid,
};
use crate::plan::{Compiler, Place};

/// x σ(x); its slope is σ(x) (1 + x (1 − σ(x))).
struct Silu;

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    function::plan::<Silu>(c, node)
}

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
