//! Maps as vectors.

use super::{Backward, Dx, Forward, Op};
use crate::{
    layout::{Extent, add_nchw, from_nchw_into, to_nchw},
    plan::{Compiler, Place},
};

/// `[h][w][n][c]` to vectors with channels outermost.
struct Flatten(Extent);

/// A map of one position is a vector already.
pub fn plan(c: &mut Compiler, node: usize) -> Place {
    let input = c.input(node, 0);
    let extent = c.extent(input);
    if extent.positions() == 1 {
        return Place::Stored(c.value(input));
    }
    c.stored(node, Flatten(extent))
}

impl Op for Flatten {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn forward(&mut self, step: Forward) {
        to_nchw(step.inputs[0], step.y, step.n, self.0);
    }

    fn backward(&mut self, step: Backward) {
        match step.dx {
            Dx::Own { values, add: true } => add_nchw(step.dy, values, step.n, self.0),
            Dx::Own { values, add: false } => from_nchw_into(step.dy, values, step.n, self.0),
            Dx::OverDy | Dx::None => {}
        }
    }
}
