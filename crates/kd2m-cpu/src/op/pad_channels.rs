//! Channels of zeros beside those of a map.

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place},
    pool::copy_channels,
};

struct PadChannels {
    before: usize,
    /// Channels of the input, of the output.
    of: usize,
    to: usize,
}

pub fn plan(c: &mut Compiler, node: usize, before: &usize, _: &usize) -> Place {
    let (of, to) = (c.extent(c.input(node, 0)).channels, c.extent(node).channels);
    c.stored(node, PadChannels { before: *before, of, to })
}

impl Op for PadChannels {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn forward(&mut self, step: Forward) {
        step.y.fill(0.0);
        copy_channels((step.inputs[0], self.of, 0), (step.y, self.to, self.before), self.of, false);
    }

    fn backward(&mut self, step: Backward) {
        let Dx::Own { values, add } = step.dx else { return };
        copy_channels((step.dy, self.to, self.before), (values, self.of, 0), self.of, add);
    }
}
