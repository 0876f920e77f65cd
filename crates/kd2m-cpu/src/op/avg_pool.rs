//! Means over windows; loops in [`pool`](crate::pool).

use kd2m_nn::Pool;

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place},
    pool::Windows,
};

struct AveragePool {
    windows: Windows,
    channels: usize,
}

pub fn plan(c: &mut Compiler, node: usize, pool: &Pool) -> Place {
    let op = AveragePool { windows: c.windows(node, pool), channels: c.extent(node).channels };
    c.stored(node, op)
}

impl Op for AveragePool {
    fn kind(&self) -> &'static str {
        "pooling"
    }

    fn forward(&mut self, step: Forward) {
        self.windows.average_forward(step.isa, step.inputs[0], step.y, step.n * self.channels);
    }

    fn backward(&mut self, step: Backward) {
        let Dx::Own { values, add } = step.dx else { return };
        self.windows.average_backward(step.isa, step.dy, values, step.n * self.channels, add);
    }
}
