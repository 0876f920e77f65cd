//! Attention; loops in [`attention`](crate::attention).

use kd2m_nn::Attention;

use super::{Backward, Dx, Forward, Op};
use crate::{
    attention::{Known, Sizes, backward, forward},
    plan::{Compiler, Place, Purpose},
};

struct Attend {
    tokens: usize,
    heads: usize,
    /// Numbers of one head.
    each: usize,
    /// The logarithm of each row's sum, for the backward pass; none in evaluation.
    sums: Option<Vec<f32>>,
}

pub fn plan(c: &mut Compiler, node: usize, attention: &Attention) -> Place {
    let (extent, heads) = (c.extent(node), attention.heads);
    let sums = (c.purpose == Purpose::Training).then(Vec::new);
    c.stored(node, Attend { tokens: extent.positions(), heads, each: extent.channels / heads, sums })
}

impl Attend {
    fn sizes(&self, n: usize) -> Sizes {
        Sizes { n, tokens: self.tokens, heads: self.heads, each: self.each }
    }
}

impl Op for Attend {
    fn kind(&self) -> &'static str {
        "attention"
    }

    fn backward_kind(&self) -> Option<&'static str> {
        Some("attention backward")
    }

    fn held(&self) -> usize {
        self.sums.as_ref().map_or(0, Vec::len)
    }

    fn forward(&mut self, step: Forward) {
        let sizes = self.sizes(step.n);
        let sums = self.sums.as_mut().map(|sums| {
            let wanted = sizes.n * sizes.heads * sizes.tokens;
            sums.resize(sums.len().max(wanted), 0.0);
            &mut sums[..wanted]
        });
        forward(step.isa, sizes, step.inputs[0], step.y, sums);
    }

    fn backward(&mut self, step: Backward) {
        let Backward { isa, n, x, y, dy, dx: Dx::Own { values, add }, .. } = step else { return };
        let Some(sums) = &self.sums else { return };
        backward(isa, self.sizes(n), Known { x, y, dy, sums }, values, add);
    }
}
