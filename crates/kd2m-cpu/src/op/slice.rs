//! Runs of channels.

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place},
    pool::copy_channels,
};

/// Channels from `start` on.
struct Slice {
    start: usize,
    /// Channels of the output, of the input.
    len: usize,
    of: usize,
}

pub fn plan(c: &mut Compiler, node: usize, start: &usize, _: &usize) -> Place {
    let (len, of) = (c.extent(node).channels, c.extent(c.input(node, 0)).channels);
    c.stored(node, Slice { start: *start, len, of })
}

impl Op for Slice {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn forward(&mut self, step: Forward) {
        copy_channels((step.inputs[0], self.of, self.start), (step.y, self.len, 0), self.len, false);
    }

    fn backward(&mut self, step: Backward) {
        let Dx::Own { values, add } = step.dx else { return };
        if !add {
            values.fill(0.0);
        }
        copy_channels((step.dy, self.len, 0), (values, self.of, self.start), self.len, true);
    }
}
