//! Means over windows; loops in [`pool`](crate::pool).

use kd2m_nn::Pool;

use super::{Backward, Dx, Forward, Op};
use crate::{
    plan::{Compiler, Place},
    pool::Windows,
    threads::for_each_piece,
};

struct AveragePool {
    windows: Windows,
    channels: usize,
    /// Of each place what is missing of a whole window in its divisor, as a factor; none where all windows are whole.
    factors: Option<Vec<f32>>,
}

pub fn plan(c: &mut Compiler, node: usize, pool: &Pool) -> Place {
    let (input, output) = (c.extent(c.input(node, 0)), c.extent(node));
    let divisors = pool.divisors([input.height, input.width], [output.height, output.width]);
    let whole = (pool.kernel[0] * pool.kernel[1]) as f32;
    let factors = divisors.map(|divisors| divisors.into_iter().map(|divisor| whole / divisor).collect());
    let op = AveragePool { windows: c.windows(node, pool), channels: output.channels, factors };
    c.stored(node, op)
}

impl AveragePool {
    /// From means over whole windows to those over what is counted.
    fn scale(&self, values: &mut [f32]) {
        let Some(factors) = &self.factors else { return };
        for_each_piece(values, values.len() / factors.len(), |place, values| {
            values.iter_mut().for_each(|value| *value *= factors[place]);
        });
    }
}

impl Op for AveragePool {
    fn kind(&self) -> &'static str {
        "pooling"
    }

    fn forward(&mut self, step: Forward) {
        self.windows.average_forward(step.isa, step.inputs[0], step.y, step.n * self.channels);
        self.scale(step.y);
    }

    fn backward(&mut self, step: Backward) {
        let Dx::Own { values, add } = step.dx else { return };
        // Nobody else reads the gradient to this step's output.
        self.scale(step.dy);
        self.windows.average_backward(step.isa, step.dy, values, step.n * self.channels, add);
    }
}
