//! Channels across groups.

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place},
    pool::shuffle,
};

/// Channels seen as `[groups, channels / groups]` and transposed.
struct Shuffle {
    channels: usize,
    groups: usize,
}

pub fn plan(c: &mut Compiler, node: usize, groups: &usize) -> Place {
    let channels = c.extent(node).channels;
    c.stored(node, Shuffle { channels, groups: *groups })
}

impl Op for Shuffle {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn forward(&mut self, step: Forward) {
        shuffle(step.inputs[0], step.y, self.channels, self.groups, false);
    }

    fn backward(&mut self, step: Backward) {
        if let Dx::Own { values, add } = step.dx {
            shuffle(step.dy, values, self.channels, self.channels / self.groups, add);
        }
    }
}
