//! Values on the grid of eight bits. Its gradient goes straight through within the grid, and ends outside.

use kd2m_nn::Quantise;

use super::{Backward, Dx, Forward, Op};
use crate::{
    isa::{Kernel, Lanes},
    plan::{Compiler, Place},
    threads::for_each_piece,
};

/// Values of a task.
const PIECE: usize = 8192;

struct Rounded(Quantise);

pub fn plan(c: &mut Compiler, node: usize, grid: &Quantise) -> Place {
    c.stored(node, Rounded(*grid))
}

impl Op for Rounded {
    fn kind(&self) -> &'static str {
        "addition, activation"
    }

    fn forward(&mut self, step: Forward) {
        let (isa, x, grid) = (step.isa, step.inputs[0], self.0);
        for_each_piece(step.y, PIECE, |i, y| isa.run(Values { x: &x[i * PIECE..][..y.len()], y, grid }));
    }

    fn backward(&mut self, step: Backward) {
        let Backward { x, dy, dx: Dx::Own { values, add }, .. } = step else { return };
        let ([low, high], dy) = (self.0.range(), &*dy);
        for_each_piece(values, PIECE, |i, dx| {
            let range = i * PIECE..i * PIECE + dx.len();
            for ((dx, x), dy) in dx.iter_mut().zip(&x[range.clone()]).zip(&dy[range]) {
                let own = if *x >= low && *x <= high { *dy } else { 0.0 };
                *dx = if add { *dx + own } else { own };
            }
        });
    }
}

struct Values<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    grid: Quantise,
}

impl Kernel for Values<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y = self.grid.value(*x));
    }
}
