//! One of the tokens: they lie `[t][n][c]`, so it is a slab.

use super::{Backward, Dx, Forward, Op};
use crate::plan::{Compiler, Place};

struct Pick(usize);

pub fn plan(c: &mut Compiler, node: usize, at: &usize) -> Place {
    c.stored(node, Pick(*at))
}

impl Op for Pick {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn forward(&mut self, step: Forward) {
        let slab = step.y.len();
        step.y.copy_from_slice(&step.inputs[0][self.0 * slab..][..slab]);
    }

    fn backward(&mut self, step: Backward) {
        let Dx::Own { values, add } = step.dx else { return };
        if !add {
            values.fill(0.0);
        }
        let slab = step.dy.len();
        values[self.0 * slab..][..slab].iter_mut().zip(&*step.dy).for_each(|(dx, dy)| *dx += dy);
    }
}
