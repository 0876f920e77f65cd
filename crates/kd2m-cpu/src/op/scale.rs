//! A learned factor for each channel, with the residual and the limits after it.

use kd2m_nn::{Role, Scale};

use super::{Backward, Dx, Forward, Op};
use crate::{
    isa::{Kernel, Lanes},
    norm::{affine, parts_of},
    plan::{Compiler, ParameterId, Pending, Place},
    threads::{Shared, for_each, part},
};

struct Factors {
    gamma: ParameterId,
    zeros: Vec<f32>,
    /// Gradients to γ by parts of the rows.
    sums: Vec<f32>,
}

pub fn plan(c: &mut Compiler, node: usize, scale: &Scale) -> Place {
    let op = Factors { gamma: c.tensor(node, Role::Scale), zeros: vec![0.0; scale.channels], sums: Vec::new() };
    let input = c.value(c.input(node, 0));
    Place::Pending(Pending::new(c.name(node), op, vec![input]))
}

impl Op for Factors {
    fn kind(&self) -> &'static str {
        "addition, activation"
    }

    fn tensors(&self) -> Vec<ParameterId> {
        vec![self.gamma]
    }

    fn takes_in(&self) -> bool {
        true
    }

    /// The residual's gradient is dy, which dx would be written over.
    fn over_dy(&self, residual: bool) -> bool {
        !residual
    }

    fn held(&self) -> usize {
        self.zeros.len() + self.sums.len()
    }

    fn forward(&mut self, step: Forward) {
        let factors = step.parameters.values(self.gamma);
        affine(step.isa, (factors, &self.zeros), step.inputs[0], step.y, step.residual, step.activation);
    }

    fn backward(&mut self, step: Backward) {
        let Backward { isa, x, dy, dx, parameters, .. } = step;
        let width = self.zeros.len();
        let rows = x.len() / width;
        let parts = parts_of(rows, width);
        self.sums.resize(parts * width, 0.0);
        let wanted = !matches!(dx, Dx::None);
        let (target, add) = match dx {
            Dx::Own { values, add } => (Some(Shared::new(values)), add),
            Dx::OverDy | Dx::None => (None, false),
        };
        let (dy, sums) = (Shared::new(dy), Shared::new(&mut self.sums));
        let gamma = parameters.values(self.gamma);
        for_each(parts, |i| {
            let rows = part(rows, i, parts);
            let values = rows.start * width..rows.end * width;
            // SAFETY: each part has its own rows and sums.
            let (dy, dx, sums) = unsafe {
                let dx = target.map(|dx| dx.slice(values.clone()));
                (dy.slice(values.clone()), dx, sums.slice(i * width..(i + 1) * width))
            };
            isa.run(Gradients { x: &x[values], dy, dx, add, wanted, gamma, sums });
        });
        let gradient = parameters.gradient_to_add(self.gamma);
        for (channel, to) in gradient.iter_mut().enumerate() {
            let parts = self.sums[..parts * width].iter().skip(channel).step_by(width);
            *to += parts.map(|sum| f64::from(*sum)).sum::<f64>() as f32;
        }
    }
}

/// dx = γ dy, and Σ dy x of each channel.
struct Gradients<'a> {
    x: &'a [f32],
    dy: &'a mut [f32],
    /// None: over dy.
    dx: Option<&'a mut [f32]>,
    add: bool,
    /// Whether anybody asks for it.
    wanted: bool,
    gamma: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, _: S) {
        let (width, gamma) = (self.gamma.len(), self.gamma);
        self.sums.fill(0.0);
        for (i, (x, dy)) in self.x.chunks_exact(width).zip(self.dy.chunks_exact_mut(width)).enumerate() {
            self.sums.iter_mut().zip(x).zip(&*dy).for_each(|((sum, x), dy)| *sum += dy * x);
            match &mut self.dx {
                _ if !self.wanted => {}
                None => dy.iter_mut().zip(gamma).for_each(|(dy, gamma)| *dy *= gamma),
                Some(dx) => {
                    let dx = dx[i * width..(i + 1) * width].iter_mut().zip(&*dy).zip(gamma);
                    if self.add {
                        dx.for_each(|((dx, dy), gamma)| *dx += dy * gamma);
                    } else {
                        dx.for_each(|((dx, dy), gamma)| *dx = dy * gamma);
                    }
                }
            }
        }
    }
}
