//! The input as it is: additions and activations that nothing could take in.

use super::{Backward, Dx, Forward, Op};
use crate::{norm::affine, program::pass_on};

/// Channels of its input.
pub struct Identity(pub usize);

impl Op for Identity {
    fn kind(&self) -> &'static str {
        "addition, activation"
    }

    fn takes_in(&self) -> bool {
        true
    }

    fn over_dy(&self, _: bool) -> bool {
        true
    }

    fn forward(&mut self, step: Forward) {
        let (scale, shift) = (vec![1.0; self.0], vec![0.0; self.0]);
        affine(step.isa, (&scale, &shift), step.inputs[0], step.y, step.residual, step.activation);
    }

    fn backward(&mut self, step: Backward) {
        if let Dx::Own { values, add } = step.dx {
            pass_on(step.dy, values, add);
        }
    }
}
