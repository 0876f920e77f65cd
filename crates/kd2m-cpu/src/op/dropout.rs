//! What is left out at random while training, with the residual and the limits after it. In evaluation it is no step at all.

use kd2m_nn::Dropout;

use super::{Backward, Dx, Forward, Op};
use crate::{
    epilogue::limit,
    isa::{Kernel, Lanes},
    plan::{Compiler, Pending, Place, Purpose},
    threads::for_each_piece,
};

struct LeaveOut {
    dropout: Dropout,
    channels: usize,
    /// Of the last pass, `[n][c]`.
    factors: Vec<f32>,
}

pub fn plan(c: &mut Compiler, node: usize, dropout: &Dropout) -> Place {
    let input = c.input(node, 0);
    if c.purpose == Purpose::Evaluation {
        return match c.take(input, |_| true) {
            Some(pending) => Place::Pending(pending),
            None => Place::Stored(c.value(input)),
        };
    }
    let op = LeaveOut { dropout: *dropout, channels: c.extent(node).channels, factors: Vec::new() };
    let input = c.value(input);
    Place::Pending(Pending::new(c.name(node), op, vec![input]))
}

impl Op for LeaveOut {
    fn kind(&self) -> &'static str {
        "addition, activation"
    }

    fn takes_in(&self) -> bool {
        true
    }

    /// The residual's gradient is dy, which dx would be written over.
    fn over_dy(&self, residual: bool) -> bool {
        !residual
    }

    fn held(&self) -> usize {
        self.factors.len()
    }

    /// Places lie one behind another, `[h][w][n][c]`: each meets the same factors.
    fn forward(&mut self, step: Forward) {
        let Forward { isa, n, draws, residual, activation, y, .. } = step;
        self.factors = self.dropout.factors(&draws, n, self.channels);
        let (factors, x, limits) = (&self.factors, step.inputs[0], activation.limits());
        for_each_piece(y, factors.len(), |i, y| {
            let range = i * factors.len()..i * factors.len() + y.len();
            isa.run(Values { x: &x[range.clone()], factors, residual: residual.map(|r| &r[range]), y, limits });
        });
    }

    fn backward(&mut self, step: Backward) {
        let Backward { isa, dy, dx, .. } = step;
        let factors = &self.factors;
        let (given, to, add) = match dx {
            Dx::Own { values, add } => (Some(&*dy), values, add),
            Dx::OverDy => (None, dy, false),
            Dx::None => return,
        };
        for_each_piece(to, factors.len(), |i, to| {
            let range = i * factors.len()..i * factors.len() + to.len();
            isa.run(Gradients { dy: given.map(|dy| &dy[range]), factors, to, add });
        });
    }
}

/// y = min(max(x · factors + residual, low), high).
struct Values<'a> {
    x: &'a [f32],
    factors: &'a [f32],
    residual: Option<&'a [f32]>,
    y: &'a mut [f32],
    limits: (f32, f32),
}

impl Kernel for Values<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let all = self.y.iter_mut().zip(self.x).zip(self.factors);
        match self.residual {
            Some(residual) => all.zip(residual).for_each(|(((y, x), f), r)| *y = limit(x * f + r, self.limits)),
            None => all.for_each(|((y, x), f)| *y = limit(x * f, self.limits)),
        }
    }
}

/// dx (+)= dy · factors; without `dy`, `to` holds the gradient.
struct Gradients<'a> {
    dy: Option<&'a [f32]>,
    factors: &'a [f32],
    to: &'a mut [f32],
    add: bool,
}

impl Kernel for Gradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let to = self.to.iter_mut().zip(self.factors);
        match self.dy {
            None => to.for_each(|(to, f)| *to *= f),
            Some(dy) if self.add => to.zip(dy).for_each(|((to, f), dy)| *to += dy * f),
            Some(dy) => to.zip(dy).for_each(|((to, f), dy)| *to = dy * f),
        }
    }
}
