//! A learned token before the others: tokens lie `[t][n][c]`, so it is the first slab.

use kd2m_nn::{Prepend, Role};

use super::{Backward, Dx, Forward, Op};
use crate::{
    norm::add_column_sums,
    plan::{Compiler, ParameterId, Place},
    program::pass_on,
};

struct First {
    token: ParameterId,
    width: usize,
}

pub fn plan(c: &mut Compiler, node: usize, prepend: &Prepend) -> Place {
    let token = c.tensor(node, Role::Embedding);
    c.stored(node, First { token, width: prepend.width })
}

impl Op for First {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn tensors(&self) -> Vec<ParameterId> {
        vec![self.token]
    }

    fn forward(&mut self, step: Forward) {
        let (first, rest) = step.y.split_at_mut(step.n * self.width);
        let token = step.parameters.values(self.token);
        first.chunks_exact_mut(self.width).for_each(|row| row.copy_from_slice(token));
        rest.copy_from_slice(step.inputs[0]);
    }

    fn backward(&mut self, step: Backward) {
        let (first, rest) = step.dy.split_at_mut(step.n * self.width);
        add_column_sums(step.isa, first, step.parameters.gradient_to_add(self.token));
        if let Dx::Own { values, add } = step.dx {
            pass_on(rest, values, add);
        }
    }
}
