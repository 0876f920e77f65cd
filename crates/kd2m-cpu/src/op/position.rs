//! A learned vector added to each token: tokens lie `[t][n][c]`, so a slab meets one vector.

use kd2m_nn::{Position, Role};

use super::{Backward, Dx, Forward, Op};
use crate::{
    norm::add_column_sums,
    plan::{Compiler, ParameterId, Place},
    program::pass_on,
    threads::for_each_piece,
};

struct AddPositions {
    vectors: ParameterId,
    width: usize,
}

pub fn plan(c: &mut Compiler, node: usize, position: &Position) -> Place {
    let vectors = c.tensor(node, Role::Embedding);
    c.stored(node, AddPositions { vectors, width: position.width })
}

impl Op for AddPositions {
    fn kind(&self) -> &'static str {
        "addition, activation"
    }

    fn tensors(&self) -> Vec<ParameterId> {
        vec![self.vectors]
    }

    /// Its gradient is that of the output.
    fn over_dy(&self, _: bool) -> bool {
        true
    }

    fn forward(&mut self, step: Forward) {
        let (width, slab, x) = (self.width, step.n * self.width, step.inputs[0]);
        let vectors = step.parameters.values(self.vectors);
        for_each_piece(step.y, slab, |token, y| {
            let vector = &vectors[token * width..][..width];
            for (y, x) in y.chunks_exact_mut(width).zip(x[token * slab..].chunks_exact(width)) {
                y.iter_mut().zip(x).zip(vector).for_each(|((y, x), v)| *y = x + v);
            }
        });
    }

    fn backward(&mut self, step: Backward) {
        let slab = step.n * self.width;
        let gradient = step.parameters.gradient_to_add(self.vectors);
        for (dy, to) in step.dy.chunks_exact(slab).zip(gradient.chunks_exact_mut(self.width)) {
            add_column_sums(step.isa, dy, to);
        }
        if let Dx::Own { values, add } = step.dx {
            pass_on(step.dy, values, add);
        }
    }
}
