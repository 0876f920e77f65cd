//! The mean over positions; loops in [`pool`](crate::pool).

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place},
    pool::{global_backward, global_forward},
};

struct GlobalAveragePool;

/// Of one position it is the same value.
pub fn plan(c: &mut Compiler, node: usize) -> Place {
    let input = c.input(node, 0);
    if c.extent(input).positions() == 1 {
        return Place::Stored(c.value(input));
    }
    c.stored(node, GlobalAveragePool)
}

impl Op for GlobalAveragePool {
    fn kind(&self) -> &'static str {
        "pooling"
    }

    fn forward(&mut self, step: Forward) {
        global_forward(step.isa, step.inputs[0], step.y);
    }

    fn backward(&mut self, step: Backward) {
        if let Dx::Own { values, add } = step.dx {
            global_backward(step.dy, values, add);
        }
    }
}
