//! Tokens as a map: they lie `[t][n][c]`, and maps `[h][w][n][c]`, so it is a run of slabs.

use kd2m_nn::Places;

use super::{Backward, Dx, Forward, Op};
use crate::plan::{Compiler, Place};

/// Values of one sample before the first place.
struct Behind(usize);

pub fn plan(c: &mut Compiler, node: usize, places: &Places) -> Place {
    let behind = Behind(places.skip * c.extent(node).channels);
    c.stored(node, behind)
}

impl Op for Behind {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn forward(&mut self, step: Forward) {
        let length = step.y.len();
        step.y.copy_from_slice(&step.inputs[0][self.0 * step.n..][..length]);
    }

    fn backward(&mut self, step: Backward) {
        let Dx::Own { values, add } = step.dx else { return };
        if !add {
            values.fill(0.0);
        }
        let to = &mut values[self.0 * step.n..];
        to.iter_mut().zip(&*step.dy).for_each(|(dx, dy)| *dx += dy);
    }
}
