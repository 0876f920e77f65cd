//! Group normalisation of maps, with the residual and the limits after it.
//!
//! Maps lie `[h][w][n][c]`: the channels of all samples are the columns of a table with a row for each place. What is computed from its
//! sums is a factor and a summand for each column, so that both passes read the table in the order in which it lies.

use kd2m_nn::{GroupNorm, Role};

use super::{Backward, Dx, Forward, Op};
use crate::{
    isa::{Isa, Kernel, Lanes},
    norm::{affine, parts_of, total},
    plan::{Compiler, ParameterId, Pending, Place},
    threads::{Shared, for_each, part},
};

/// Rows whose sums are handed to f64; fixed, so that sums do not depend on the number of threads.
const ROWS: usize = 64;
/// Columns of a task: its sums stay in the first cache.
const COLUMNS: usize = 1024;

struct GroupNormalise {
    gamma: ParameterId,
    beta: ParameterId,
    groups: usize,
    eps: f64,
    /// Mean and inverse deviation of each group of each sample, for the backward pass.
    statistics: Vec<[f32; 2]>,
    /// Sums of columns by parts of the rows.
    sums: Vec<f32>,
}

pub fn plan(c: &mut Compiler, node: usize, norm: &GroupNorm) -> Place {
    let op = GroupNormalise {
        gamma: c.tensor(node, Role::Scale),
        beta: c.tensor(node, Role::Shift),
        groups: norm.groups,
        eps: f64::from(norm.eps),
        statistics: Vec::new(),
        sums: Vec::new(),
    };
    let input = c.value(c.input(node, 0));
    Place::Pending(Pending::new(c.name(node), op, vec![input]))
}

impl Op for GroupNormalise {
    fn kind(&self) -> &'static str {
        "group norm"
    }

    fn backward_kind(&self) -> Option<&'static str> {
        Some("group norm backward")
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

    /// Sums over places are cut by the number of samples.
    fn each_by_itself(&self) -> bool {
        false
    }

    fn held(&self) -> usize {
        2 * self.statistics.len() + self.sums.len()
    }

    fn forward(&mut self, step: Forward) {
        let Forward { isa, n, inputs, y, residual, activation, parameters, .. } = step;
        let (x, gamma, beta) = (inputs[0], parameters.values(self.gamma), parameters.values(self.beta));
        let columns = n * gamma.len();
        let (each, places) = (gamma.len() / self.groups, (x.len() / columns) as f64);
        // Differences from the first row: squares of values far from zero would lose the variance.
        let origin = &x[..columns];
        let sums = column_sums(isa, Columns { a: x, a_from: origin, b: x, b_from: origin }, &mut self.sums);
        let (mut scale, mut shift) = (Vec::with_capacity(columns), Vec::with_capacity(columns));
        self.statistics.clear();
        for (group, (sums, origin)) in sums.chunks_exact(each).zip(origin.chunks_exact(each)).enumerate() {
            let of_columns = || sums.iter().zip(origin).map(|((sum, squares), from)| (sum, squares, f64::from(*from)));
            let count = places * each as f64;
            let mean = of_columns().map(|(sum, _, from)| sum + places * from).sum::<f64>() / count;
            // Σ (x − mean)² = Σ ((x − from) + (from − mean))²
            let squares = of_columns().map(|(sum, squares, from)| {
                let apart = from - mean;
                squares + apart * (2.0 * sum + places * apart)
            });
            let inverse = 1.0 / (squares.sum::<f64>().max(0.0) / count + self.eps).sqrt();
            self.statistics.push([mean as f32, inverse as f32]);
            let channels = group % self.groups * each..(group % self.groups + 1) * each;
            for (gamma, beta) in gamma[channels.clone()].iter().zip(&beta[channels]) {
                let factor = f64::from(*gamma) * inverse;
                scale.push(factor as f32);
                shift.push((f64::from(*beta) - mean * factor) as f32);
            }
        }
        affine(isa, (&scale, &shift), x, y, residual, activation);
    }

    /// With z = (x − mean) / deviation and g = γ dy: `dx = (g − mean g − z mean(g z)) / deviation`.
    fn backward(&mut self, step: Backward) {
        let Backward { isa, n, x, dy, dx, parameters, .. } = step;
        let gamma = parameters.values(self.gamma);
        let columns = n * gamma.len();
        let (each, places) = (gamma.len() / self.groups, x.len() / columns);
        let means: Vec<f32> = self.statistics.iter().flat_map(|[mean, _]| std::iter::repeat_n(*mean, each)).collect();
        let zeros = vec![0.0; columns];
        let sums = column_sums(isa, Columns { a: dy, a_from: &zeros, b: x, b_from: &means }, &mut self.sums);
        let mut gradients = vec![(0.0, 0.0); gamma.len()];
        let [mut by_dy, mut by_x, mut constant] = [(); 3].map(|()| Vec::with_capacity(columns));
        for (group, (sums, statistics)) in sums.chunks_exact(each).zip(&self.statistics).enumerate() {
            let [mean, inverse] = statistics.map(f64::from);
            let first = group % self.groups * each;
            let count = (places * each) as f64;
            let (mut all, mut along) = (0.0, 0.0);
            for ((to, gamma), (sum, product)) in gradients[first..].iter_mut().zip(&gamma[first..]).zip(sums) {
                let gamma = f64::from(*gamma);
                (to.0, to.1) = (to.0 + product * inverse, to.1 + sum);
                (all, along) = (all + gamma * sum / count, along + gamma * product * inverse / count);
            }
            let slope = -along * inverse * inverse;
            for gamma in &gamma[first..first + each] {
                by_dy.push((f64::from(*gamma) * inverse) as f32);
                by_x.push(slope as f32);
                constant.push((-all * inverse - slope * mean) as f32);
            }
        }
        for (to, (gamma, _)) in parameters.gradient_to_add(self.gamma).iter_mut().zip(&gradients) {
            *to += *gamma as f32;
        }
        for (to, (_, beta)) in parameters.gradient_to_add(self.beta).iter_mut().zip(&gradients) {
            *to += *beta as f32;
        }
        let (target, add) = match dx {
            Dx::None => return,
            Dx::OverDy => (None, false),
            Dx::Own { values, add } => (Some(Shared::new(values)), add),
        };
        let dy = Shared::new(dy);
        let (parts, by_dy, by_x, constant) = (parts_of(places, columns), &by_dy, &by_x, &constant);
        for_each(parts, |i| {
            let rows = part(places, i, parts);
            let values = rows.start * columns..rows.end * columns;
            // SAFETY: each part has its own rows.
            let (dy, dx) = unsafe { (dy.slice(values.clone()), target.map(|dx| dx.slice(values.clone()))) };
            isa.run(Gradients { x: &x[values], dy, dx, add, by_dy, by_x, constant });
        });
    }
}

/// Two tables of equal size, and what is taken off each of their columns.
#[derive(Clone, Copy)]
struct Columns<'a> {
    a: &'a [f32],
    a_from: &'a [f32],
    b: &'a [f32],
    b_from: &'a [f32],
}

/// Σ (a − its from) and Σ (a − its from)(b − its from) of each column.
fn column_sums(isa: Isa, of: Columns, sums: &mut Vec<f32>) -> Vec<(f64, f64)> {
    let columns = of.a_from.len();
    let rows = of.a.len() / columns;
    let (parts, blocks) = (rows.div_ceil(ROWS), columns.div_ceil(COLUMNS));
    sums.resize(parts * 2 * columns, 0.0);
    let shared = Shared::new(sums);
    for_each(parts * blocks, |task| {
        let (i, block) = (task / blocks, task % blocks);
        let (start, end) = (block * COLUMNS, columns.min((block + 1) * COLUMNS));
        let at = i * 2 * columns;
        // SAFETY: each task has its own columns of its own part.
        let (first, second) =
            unsafe { (shared.slice(at + start..at + end), shared.slice(at + columns + start..at + columns + end)) };
        isa.run(Sums { of, start, rows: part(rows, i, parts), first, second });
    });
    total(sums, parts, columns)
}

/// The sums over some rows of the columns from `start` on.
struct Sums<'a> {
    of: Columns<'a>,
    start: usize,
    rows: std::ops::Range<usize>,
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let Self { of: Columns { a, a_from, b, b_from }, start, rows, first, second } = self;
        first.fill(0.0);
        second.fill(0.0);
        for row in rows {
            let at = row * a_from.len() + start;
            let both = a[at..].iter().zip(&a_from[start..]).zip(b[at..].iter().zip(&b_from[start..]));
            for ((first, second), ((a, a_from), (b, b_from))) in first.iter_mut().zip(second.iter_mut()).zip(both) {
                *first += a - a_from;
                *second += (a - a_from) * (b - b_from);
            }
        }
    }
}

/// `dx = by_dy dy + by_x x + constant`, row by row.
struct Gradients<'a> {
    x: &'a [f32],
    dy: &'a mut [f32],
    /// None: over dy.
    dx: Option<&'a mut [f32]>,
    add: bool,
    by_dy: &'a [f32],
    by_x: &'a [f32],
    constant: &'a [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, _: S) {
        let columns = self.by_dy.len();
        for (i, (x, dy)) in self.x.chunks_exact(columns).zip(self.dy.chunks_exact_mut(columns)).enumerate() {
            let rest = self.by_dy.iter().zip(self.by_x).zip(self.constant).zip(x);
            match &mut self.dx {
                None => {
                    for (dy, (((by_dy, by_x), constant), x)) in dy.iter_mut().zip(rest) {
                        *dy = by_dy * *dy + by_x * x + constant;
                    }
                }
                Some(dx) => {
                    let dx = dx[i * columns..(i + 1) * columns].iter_mut().zip(&*dy);
                    for ((dx, dy), (((by_dy, by_x), constant), x)) in dx.zip(rest) {
                        let before = if self.add { *dx } else { 0.0 };
                        *dx = before + by_dy * dy + by_x * x + constant;
                    }
                }
            }
        }
    }
}
