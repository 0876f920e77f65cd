//! Maps side by side.

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place},
    pool::copy_channels,
};

/// Channels of the inputs.
struct Concat(Vec<usize>);

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    let widths = c.graph.nodes()[node].inputs.iter().map(|input| c.extent(input.0).channels).collect();
    c.stored(node, Concat(widths))
}

impl Op for Concat {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn forward(&mut self, step: Forward) {
        let channels = self.0.iter().sum();
        let mut first = 0;
        for (input, width) in step.inputs.iter().zip(&self.0) {
            copy_channels((input, *width, 0), (step.y, channels, first), *width, false);
            first += width;
        }
    }

    fn backward(&mut self, step: Backward) {
        let Dx::Own { values, add } = step.dx else { return };
        let (channels, first) = (self.0.iter().sum(), self.0[..step.input].iter().sum());
        let width = self.0[step.input];
        copy_channels((step.dy, channels, first), (values, width, 0), width, add);
    }
}
