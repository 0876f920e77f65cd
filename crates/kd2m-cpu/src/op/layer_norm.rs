//! Layer normalisation over the channels of each place: of vectors, of tokens, of maps. With the residual and the limits after it.
//!
//! Sums of a row have a fixed number of parts, so that all instruction sets do the same arithmetic.

use kd2m_nn::{LayerNorm, Role};

use super::{Backward, Dx, Forward, Op};
use crate::{
    epilogue::{Activation, limit},
    isa::{Kernel, Lanes},
    norm::{parts_of, total},
    plan::{Compiler, ParameterId, Pending, Place, Purpose},
    threads::{Shared, for_each, part},
};

struct LayerNormalise {
    gamma: ParameterId,
    beta: ParameterId,
    eps: f32,
    width: usize,
    /// Mean and inverse deviation of each row, for the backward pass; none in evaluation.
    statistics: Option<Vec<f32>>,
    /// Gradients to γ and β by parts of the rows.
    sums: Vec<f32>,
}

pub fn plan(c: &mut Compiler, node: usize, norm: &LayerNorm) -> Place {
    let op = LayerNormalise {
        gamma: c.tensor(node, Role::Scale),
        beta: c.tensor(node, Role::Shift),
        eps: norm.eps,
        width: norm.width,
        statistics: (c.purpose == Purpose::Training).then(Vec::new),
        sums: Vec::new(),
    };
    let input = c.value(c.input(node, 0));
    Place::Pending(Pending::new(c.name(node), op, vec![input]))
}

impl Op for LayerNormalise {
    fn kind(&self) -> &'static str {
        "layer norm"
    }

    fn backward_kind(&self) -> Option<&'static str> {
        Some("layer norm backward")
    }

    fn tensors(&self) -> Vec<ParameterId> {
        vec![self.gamma, self.beta]
    }

    fn takes_in(&self) -> bool {
        true
    }

    /// The residual's gradient is dy, which dx would be written over.
    fn over_dy(&self, residual: bool) -> bool {
        !residual
    }

    fn held(&self) -> usize {
        self.statistics.as_ref().map_or(0, Vec::len) + self.sums.len()
    }

    fn forward(&mut self, step: Forward) {
        let Forward { isa, inputs, y, residual, activation, parameters, .. } = step;
        let (width, x) = (self.width, inputs[0]);
        let rows = x.len() / width;
        let parts = parts_of(rows, width);
        let statistics = self.statistics.as_mut().map(|statistics| {
            statistics.resize(statistics.len().max(2 * rows), 0.0);
            Shared::new(statistics)
        });
        let y = Shared::new(y);
        let (gamma, beta) = (parameters.values(self.gamma), parameters.values(self.beta));
        for_each(parts, |i| {
            let rows = part(rows, i, parts);
            let values = rows.start * width..rows.end * width;
            // SAFETY: each part has its own rows.
            let (y, statistics) =
                unsafe { (y.slice(values.clone()), statistics.map(|all| all.slice(2 * rows.start..2 * rows.end))) };
            let residual = residual.map(|residual| &residual[values.clone()]);
            let (x, eps) = (&x[values], self.eps);
            isa.run(Normalise { x, y, statistics, gamma, beta, eps, residual, activation });
        });
    }

    fn backward(&mut self, step: Backward) {
        let Backward { isa, x, dy, dx, parameters, .. } = step;
        let Some(statistics) = &self.statistics else { return };
        let width = self.width;
        let rows = x.len() / width;
        let parts = parts_of(rows, width);
        self.sums.resize(parts * 2 * width, 0.0);
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
                (dy.slice(values.clone()), dx, sums.slice(2 * i * width..2 * (i + 1) * width))
            };
            let statistics = &statistics[2 * rows.start..2 * rows.end];
            isa.run(Gradients { x: &x[values], dy, dx, add, wanted, gamma, statistics, sums });
        });
        let totals = total(&self.sums, parts, width);
        for (to, (gamma, _)) in parameters.gradient_to_add(self.gamma).iter_mut().zip(&totals) {
            *to += *gamma as f32;
        }
        for (to, (_, beta)) in parameters.gradient_to_add(self.beta).iter_mut().zip(&totals) {
            *to += *beta as f32;
        }
    }
}

/// Parts of a sum that grow side by side.
const WIDE: usize = 16;

/// Σ term over three lists of equal length.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], c: &[f32], term: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; WIDE];
    let (a_blocks, b_blocks, c_blocks) = (a.chunks_exact(WIDE), b.chunks_exact(WIDE), c.chunks_exact(WIDE));
    let rest = a_blocks.remainder().iter().zip(b_blocks.remainder()).zip(c_blocks.remainder());
    for ((a, b), c) in a_blocks.zip(b_blocks).zip(c_blocks) {
        for lane in 0..WIDE {
            sums[lane] += term(a[lane], b[lane], c[lane]);
        }
    }
    for (sum, ((a, b), c)) in sums.iter_mut().zip(rest) {
        *sum += term(*a, *b, *c);
    }
    let mut width = WIDE;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}

/// `y = min(max(γ (x − mean) / √(variance + eps) + β + residual, low), high)`, row by row.
struct Normalise<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    /// Mean and inverse deviation of each row.
    statistics: Option<&'a mut [f32]>,
    gamma: &'a [f32],
    beta: &'a [f32],
    eps: f32,
    residual: Option<&'a [f32]>,
    activation: Activation,
}

impl Kernel for Normalise<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, _: S) {
        let width = self.gamma.len();
        for (i, (x, y)) in self.x.chunks_exact(width).zip(self.y.chunks_exact_mut(width)).enumerate() {
            let mean = sum(x, x, x, |x, _, _| x) / width as f32;
            let variance = sum(x, x, x, |x, _, _| (x - mean) * (x - mean)) / width as f32;
            let inverse = 1.0 / (variance + self.eps).sqrt();
            if let Some(statistics) = &mut self.statistics {
                (statistics[2 * i], statistics[2 * i + 1]) = (mean, inverse);
            }
            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(self.gamma).zip(self.beta) {
                *y = (x - mean) * inverse * gamma + beta;
            }
            if let Some(residual) = self.residual {
                y.iter_mut().zip(&residual[i * width..]).for_each(|(y, r)| *y += r);
            }
            if self.activation != Activation::None {
                let limits = self.activation.limits();
                y.iter_mut().for_each(|y| *y = limit(*y, limits));
            }
        }
    }
}

/// With z = (x − mean) / deviation and g = γ dy: `dx = (g − mean g − z mean(g z)) / deviation`, and Σ dy z, Σ dy of each channel.
struct Gradients<'a> {
    x: &'a [f32],
    dy: &'a mut [f32],
    /// None: over dy.
    dx: Option<&'a mut [f32]>,
    add: bool,
    /// Whether anybody asks for it.
    wanted: bool,
    gamma: &'a [f32],
    statistics: &'a [f32],
    /// `[2][channels]`
    sums: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, _: S) {
        let (width, gamma) = (self.gamma.len(), self.gamma);
        self.sums.fill(0.0);
        let (by_gamma, by_beta) = self.sums.split_at_mut(width);
        for (i, (x, dy)) in self.x.chunks_exact(width).zip(self.dy.chunks_exact_mut(width)).enumerate() {
            let (mean, inverse) = (self.statistics[2 * i], self.statistics[2 * i + 1]);
            for (((to_gamma, to_beta), x), dy) in by_gamma.iter_mut().zip(by_beta.iter_mut()).zip(x).zip(&*dy) {
                *to_gamma += dy * ((x - mean) * inverse);
                *to_beta += dy;
            }
            if !self.wanted {
                continue;
            }
            let share = 1.0 / width as f32;
            let all = share * sum(dy, gamma, x, |dy, gamma, _| dy * gamma);
            let along = share * sum(dy, gamma, x, |dy, gamma, x| dy * gamma * ((x - mean) * inverse));
            let gradient = |x: f32, dy: f32, gamma: f32| inverse * (dy * gamma - all - (x - mean) * inverse * along);
            match &mut self.dx {
                None => {
                    for ((dy, x), gamma) in dy.iter_mut().zip(x).zip(gamma) {
                        *dy = gradient(*x, *dy, *gamma);
                    }
                }
                Some(dx) => {
                    let dx = &mut dx[i * width..(i + 1) * width];
                    for (((dx, x), dy), gamma) in dx.iter_mut().zip(x).zip(&*dy).zip(gamma) {
                        let before = if self.add { *dx } else { 0.0 };
                        *dx = before + gradient(*x, *dy, *gamma);
                    }
                }
            }
        }
    }
}
