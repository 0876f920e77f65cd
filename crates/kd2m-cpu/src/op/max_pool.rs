//! Maxima over windows; loops in [`pool`](crate::pool).

use kd2m_nn::Pool;

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place, Purpose},
    pool::Windows,
};

struct MaxPool {
    windows: Windows,
    channels: usize,
    /// The winning tap of each value, for the backward pass; none in evaluation.
    winners: Option<Vec<u16>>,
}

pub fn plan(c: &mut Compiler, node: usize, pool: &Pool) -> Place {
    let winners = (c.purpose == Purpose::Training).then(Vec::new);
    let op = MaxPool { windows: c.windows(node, pool), channels: c.extent(node).channels, winners };
    c.stored(node, op)
}

impl Op for MaxPool {
    fn kind(&self) -> &'static str {
        "pooling"
    }

    fn forward(&mut self, step: Forward) {
        let length = step.y.len();
        let winners = self.winners.as_mut().map(|winners| {
            winners.resize(winners.len().max(length), 0);
            &mut winners[..length]
        });
        self.windows.max_forward(step.isa, step.inputs[0], step.y, winners, step.n * self.channels);
    }

    fn backward(&mut self, step: Backward) {
        let (Dx::Own { values, add }, Some(winners)) = (step.dx, &self.winners) else { return };
        let winners = &winners[..step.dy.len()];
        self.windows.max_backward(step.isa, step.dy, winners, values, step.n * self.channels, add);
    }
}
