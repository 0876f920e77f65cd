//! Products of two branches, or of a map and a factor for each channel of each sample.
//!
//! Maps lie place by place, `[h][w][n][c]`, and factors are one such place: both are the same loops.

use super::{Backward, Dx, Forward, Op};
use crate::{
    isa::{Kernel, Lanes},
    plan::{Compiler, Place},
    threads::for_each_piece,
};

/// Values of a task.
const PIECE: usize = 8192;

struct Mul;

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    c.stored(node, Mul)
}

/// Pieces of a map that meet one run of the factors: a place, or where there are as many factors any run.
fn piece(factors: usize, values: usize) -> usize {
    if factors == values { PIECE } else { factors }
}

impl Op for Mul {
    fn kind(&self) -> &'static str {
        "addition, activation"
    }

    fn forward(&mut self, step: Forward) {
        let (isa, x, by) = (step.isa, step.inputs[0], step.inputs[1]);
        let piece = piece(by.len(), x.len());
        for_each_piece(step.y, piece, |i, y| {
            let first = i * piece;
            isa.run(Product { x: &x[first..][..y.len()], by: &by[first % by.len()..][..y.len()], y, add: false });
        });
    }

    fn backward(&mut self, step: Backward) {
        let Backward { isa, inputs: &[x, by], dy, dx: Dx::Own { values, add }, input, .. } = step else { return };
        let dy = &*dy;
        if input == 0 {
            let piece = piece(by.len(), x.len());
            for_each_piece(values, piece, |i, dx| {
                let first = i * piece;
                isa.run(Product { x: &dy[first..][..dx.len()], by: &by[first % by.len()..][..dx.len()], y: dx, add });
            });
            return;
        }
        // Each factor collects from all places.
        let factors = by.len();
        for_each_piece(values, PIECE, |i, to| {
            for place in 0..x.len() / factors {
                let first = place * factors + i * PIECE;
                let (x, by) = (&x[first..][..to.len()], &dy[first..][..to.len()]);
                isa.run(Product { x, by, y: &mut *to, add: add || place > 0 });
            }
        });
    }
}

/// `y (+)= x · by`.
struct Product<'a> {
    x: &'a [f32],
    by: &'a [f32],
    y: &'a mut [f32],
    add: bool,
}

impl Kernel for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let all = self.y.iter_mut().zip(self.x).zip(self.by);
        if self.add {
            all.for_each(|((y, x), by)| *y += x * by);
        } else {
            all.for_each(|((y, x), by)| *y = x * by);
        }
    }
}
