//! Zeros around maps.

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place},
    threads::for_each_piece,
};

struct Pad {
    /// Of each place of the output, the place of the input; none in the border.
    from: Vec<Option<usize>>,
    /// Of each place of the input, the place of the output.
    to: Vec<usize>,
}

pub fn plan(c: &mut Compiler, node: usize, &[top, left, ..]: &[usize; 4]) -> Place {
    let (input, output) = (c.extent(c.input(node, 0)), c.extent(node));
    let place = |row: usize, column: usize| {
        let (row, column) = (row.checked_sub(top)?, column.checked_sub(left)?);
        (row < input.height && column < input.width).then_some(row * input.width + column)
    };
    let rows =
        |height: usize, width: usize| (0..height).flat_map(move |row| (0..width).map(move |column| (row, column)));
    let from = rows(output.height, output.width).map(|(row, column)| place(row, column)).collect();
    let to = rows(input.height, input.width).map(|(row, column)| (row + top) * output.width + column + left);
    let to = to.collect();
    c.stored(node, Pad { from, to })
}

impl Op for Pad {
    fn kind(&self) -> &'static str {
        "moving"
    }

    fn forward(&mut self, step: Forward) {
        let slab = step.y.len() / self.from.len();
        let x = step.inputs[0];
        for_each_piece(step.y, slab, |place, y| match self.from[place] {
            Some(from) => y.copy_from_slice(&x[from * slab..][..slab]),
            None => y.fill(0.0),
        });
    }

    fn backward(&mut self, step: Backward) {
        let Dx::Own { values, add } = step.dx else { return };
        let slab = step.dy.len() / self.from.len();
        let dy = &*step.dy;
        for_each_piece(values, slab, |place, dx| {
            let dy = &dy[self.to[place] * slab..][..slab];
            if add {
                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
            } else {
                dx.copy_from_slice(dy);
            }
        });
    }
}
