//! One sweep over all pairs for both half-steps of Sinkhorn: the densities of a row give its new potential and, scaled by it, the
//! sums of the columns, so that each pair costs one exponential an iteration and the matrix is read once.

use faer::{Accum, Par};
use pulp::Arch;

use super::{
    kernel::{AddScaled, Densities, Lane},
    scores::{BLOCK, Scores},
};
use crate::{
    isa,
    matrix::{view, view_mut},
    stop::Interrupted,
};

/// Sums of densities outside are not trusted: exponents were cut. The sum is then taken anew around its largest term.
const TRUSTED: std::ops::Range<f64> = 1e-25..1e25;

/// What a sweep needs beside the potentials.
pub(super) struct Sweep<'a, T> {
    scores: &'a Scores<'a, T>,
    a: &'a [f64],
    b: Vec<T>,
    epsilon: f64,
    /// log₂(e)/ε: potentials and costs become exponents of two.
    scale: f64,
    arch: Arch,
}

/// Row potentials after a sweep and ln Σ_i a_i density_ij of each column under them (0 where the marginal is met).
pub(super) struct Swept {
    pub f: Vec<f64>,
    pub log_columns: Vec<f64>,
}

impl<'a, T: Lane> Sweep<'a, T> {
    pub(super) fn new(scores: &'a Scores<'a, T>, a: &'a [f64], b: &[f64], epsilon: f64) -> Self {
        let b = b.iter().map(|b| T::of(*b)).collect();
        Self { scores, a, b, epsilon, scale: std::f64::consts::LOG2_E / epsilon, arch: isa::arch() }
    }

    /// Both half-steps: new f from g (its soft minimum times `damping`), then the column sums under it.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn both(&self, f: &[f64], g: &[f64], damping: f64) -> Result<Swept, Interrupted> {
        let exponents = self.column_exponents(g);
        let m = g.len();
        let groups = self.scores.groups_of_all(|group| {
            let mut new_f = Vec::with_capacity(group.len());
            let mut columns = vec![0.0; m];
            let (mut block_columns, mut densities) = (vec![T::zero(); m], vec![T::zero(); m]);
            let mut buffer = Vec::new();
            for rows in self.scores.blocks(group) {
                let scores = self.scores.block(&rows, &mut buffer);
                for (i, scores) in rows.clone().zip(scores.chunks_exact(m)) {
                    let (at, sum) = self.trusted_densities(scores, &exponents, f[i], i, &mut densities);
                    let f_i = damping * (at - self.epsilon * sum.ln());
                    new_f.push(f_i);
                    let scale = self.a[i] * ((f_i - at) / self.epsilon).exp();
                    let (into, row) = (&mut block_columns[..], &densities[..]);
                    self.arch.dispatch(AddScaled { into, row, scale: T::of(scale) });
                    if (i + 1 - rows.start).is_multiple_of(BLOCK) || i + 1 == rows.end {
                        for (total, part) in columns.iter_mut().zip(&mut block_columns) {
                            *total += part.wide();
                            *part = T::zero();
                        }
                    }
                }
            }
            (new_f, columns)
        })?;
        let (mut new_f, mut columns) = (Vec::with_capacity(f.len()), vec![0.0; m]);
        for (part_f, part) in groups {
            new_f.extend(part_f);
            columns.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
        let lost: Vec<usize> = (0..m).filter(|&j| !TRUSTED.contains(&columns[j])).collect();
        let mut log_columns: Vec<f64> = columns.iter().map(|sum| sum.ln()).collect();
        if !lost.is_empty() {
            for (j, log_sum) in lost.iter().zip(self.log_columns(&new_f, g, &lost)?) {
                log_columns[*j] = log_sum;
            }
        }
        Ok(Swept { f: new_f, log_columns })
    }

    /// ln Σ_i a_i density_ij of a few columns, each around its largest term so that nothing under- or overflows.
    fn log_columns(&self, f: &[f64], g: &[f64], columns: &[usize]) -> Result<Vec<f64>, Interrupted> {
        let m = g.len();
        let mut totals = vec![(f64::NEG_INFINITY, 0.0); columns.len()];
        let mut buffer = Vec::new();
        for rows in self.scores.blocks(0..f.len()) {
            let scores = self.scores.block(&rows, &mut buffer);
            for (i, scores) in rows.clone().zip(scores.chunks_exact(m)).filter(|(i, _)| self.a[*i] > 0.0) {
                for ((largest, sum), &j) in totals.iter_mut().zip(columns) {
                    let cost = self.scores.rows[i] + self.scores.columns[j] - self.scores.factor * scores[j].wide();
                    let exponent = (f[i] + g[j] - cost) / self.epsilon;
                    if exponent > *largest {
                        *sum *= (*largest - exponent).exp();
                        *largest = exponent;
                    }
                    *sum += self.a[i] * (exponent - *largest).exp();
                }
            }
        }
        self.scores.stop.check()?;
        Ok(totals.into_iter().map(|(largest, sum)| largest + sum.ln()).collect())
    }

    /// ln Σ_j b_j density_ij of each row.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn log_rows(&self, f: &[f64], g: &[f64]) -> Result<Vec<f64>, Interrupted> {
        let exponents = self.column_exponents(g);
        let m = g.len();
        let groups = self.scores.groups_of_all(|group| {
            let mut sums = Vec::with_capacity(group.len());
            let (mut densities, mut buffer) = (vec![T::zero(); m], Vec::new());
            for rows in self.scores.blocks(group) {
                let scores = self.scores.block(&rows, &mut buffer);
                for (i, scores) in rows.clone().zip(scores.chunks_exact(m)) {
                    let (at, sum) = self.trusted_densities(scores, &exponents, f[i], i, &mut densities);
                    sums.push(sum.ln() + (f[i] - at) / self.epsilon);
                }
            }
            sums
        })?;
        Ok(groups.concat())
    }

    /// Σ_j γ_ij y_j for the plan γ_ij = a_i b_j density_ij and rows y `[m, d]`, and the plan's row masses.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn pull(&self, f: &[f64], g: &[f64], y: &[T], d: usize) -> Result<(Vec<T>, Vec<f64>), Interrupted> {
        let exponents = self.column_exponents(g);
        let m = g.len();
        let groups = self.scores.groups(|group| {
            let mut pulled = vec![T::zero(); group.len() * d];
            let mut masses = Vec::with_capacity(group.len());
            let mut plan = vec![T::zero(); BLOCK.min(group.len()) * m];
            let mut buffer = Vec::new();
            for (rows, pulled) in self.scores.blocks(group).zip(pulled.chunks_mut(BLOCK * d)) {
                let scores = self.scores.block(&rows, &mut buffer);
                let plan = &mut plan[..rows.len() * m];
                for ((i, scores), plan) in rows.clone().zip(scores.chunks_exact(m)).zip(plan.chunks_exact_mut(m)) {
                    masses.push(self.a[i] * self.densities(scores, &exponents, f[i], i, plan));
                    let a = T::of(self.a[i]);
                    plan.iter_mut().zip(&self.b).for_each(|(p, b)| *p *= a * *b);
                }
                let height = rows.len();
                T::multiply(
                    view_mut(pulled, height, d),
                    Accum::Replace,
                    view(plan, height, m),
                    view(y, m, d),
                    Par::Seq,
                );
            }
            (pulled, masses)
        })?;
        let (pulled, masses): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
        Ok((pulled.concat(), masses.concat()))
    }

    /// The plan itself, row-major `[n, m]`.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn plan(&self, f: &[f64], g: &[f64], b: &[f64]) -> Result<Vec<f64>, Interrupted> {
        let exponents = self.column_exponents(g);
        let m = g.len();
        let groups = self.scores.groups(|group| {
            let mut plan = Vec::with_capacity(group.len() * m);
            let (mut densities, mut buffer) = (vec![T::zero(); m], Vec::new());
            for rows in self.scores.blocks(group) {
                let scores = self.scores.block(&rows, &mut buffer);
                for (i, scores) in rows.clone().zip(scores.chunks_exact(m)) {
                    self.densities(scores, &exponents, f[i], i, &mut densities);
                    plan.extend(densities.iter().zip(b).map(|(k, b)| self.a[i] * b * k.wide()));
                }
            }
            plan
        })?;
        Ok(groups.concat())
    }

    /// The densities of row i under its potential, or, where their sum is not to be trusted, under the potential that makes the
    /// largest of them 1; with that potential and the sum.
    fn trusted_densities(&self, scores: &[T], exponents: &[T], f: f64, i: usize, out: &mut [T]) -> (f64, f64) {
        let sum = self.densities(scores, exponents, f, i, out);
        if TRUSTED.contains(&sum) {
            return (f, sum);
        }
        let k = T::of(self.scores.factor * self.scale);
        let with_mass = scores.iter().zip(exponents).zip(&self.b).filter(|(_, b)| **b > T::zero());
        let largest =
            with_mass.map(|((p, g), _)| *g + k * *p).fold(T::neg_infinity(), |x, y| if y > x { y } else { x });
        let f = self.scores.rows[i] - largest.wide() / self.scale;
        (f, self.densities(scores, exponents, f, i, out))
    }

    fn densities(&self, scores: &[T], exponents: &[T], f: f64, i: usize, out: &mut [T]) -> f64 {
        let f = T::of((f - self.scores.rows[i]) * self.scale);
        let k = T::of(self.scores.factor * self.scale);
        self.arch.dispatch(Densities { scores, g: exponents, b: &self.b, k, f, out })
    }

    fn column_exponents(&self, g: &[f64]) -> Vec<T> {
        g.iter().zip(self.scores.columns).map(|(g, s)| T::of((g - s) * self.scale)).collect()
    }
}
