//! Costs in double precision, pair by pair: what an exact solver answers for. Products of centred features are faster and serve the
//! search; where their rounding, or the range of the costs, leaves a plan in question, these decide.
//! Next: [`crate::cost::anew::Anew`] for clouds, [`Held`] for a matrix, [`super::assignment::refine`] and
//! [`super::network_simplex::whole`], which read them.

use crate::{
    real::Real,
    solution::{Potentials, Status},
};

/// The cost of every pair of a problem.
pub(crate) trait Costs: Sync {
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// The cost of one pair.
    fn pair(&self, i: usize, j: usize) -> f64;

    /// The costs of row i, as [`Costs::pair`] gives them.
    fn fill_row(&self, i: usize, out: &mut [f64]) {
        out.iter_mut().enumerate().for_each(|(j, c)| *c = self.pair(i, j));
    }

    /// The most by which a cost can differ from real arithmetic's, as a share of itself; only costs that are not negative may
    /// have any.
    fn relative_error(&self) -> f64;

    /// Whether no cost is below zero.
    fn is_non_negative(&self) -> bool {
        true
    }
}

/// A row-major matrix `[n, m]` of costs that are right as they stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held<'a, T> {
    pub cost: &'a [T],
    pub columns: usize,
}

impl<T: Real> Costs for Held<'_, T> {
    fn shape(&self) -> (usize, usize) {
        (self.cost.len() / self.columns.max(1), self.columns)
    }

    fn pair(&self, i: usize, j: usize) -> f64 {
        self.cost[i * self.columns + j].wide()
    }

    fn fill_row(&self, i: usize, out: &mut [f64]) {
        let row = &self.cost[i * self.columns..(i + 1) * self.columns];
        out.iter_mut().zip(row).for_each(|(to, c)| *to = c.wide());
    }

    fn relative_error(&self) -> f64 {
        0.0
    }

    fn is_non_negative(&self) -> bool {
        self.cost.iter().all(|c| c.wide() >= 0.0)
    }
}

/// The largest gap, as a share of the value, that is called rounding: what certificates of ordinary problems leave is a thousand
/// times less. A plan with more is worked on, and called stopped if it stays.
pub(crate) const ROUNDING_LEVEL: f64 = 1e-10;

/// Whether a gap is at the rounding of the value.
pub(crate) fn is_at_rounding(gap: f64, value: f64) -> bool {
    gap <= ROUNDING_LEVEL * value.abs()
}

/// What a certificate says of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    /// How far from optimal the plan can be.
    pub gap: f64,
    /// The size that the gap is compared with.
    pub level: f64,
}

impl Verdict {
    /// Of costs that are not negative: their optimum is not below zero either.
    pub(crate) fn of_costs(gap: f64, value: f64) -> Self {
        Self { gap: gap.min(value), level: value }
    }

    /// Of any costs; where some are negative the value may cancel, and potentials tell the size of what is rounded.
    pub(crate) fn new<C: Costs>(costs: &C, gap: f64, value: f64, potentials: &Potentials) -> Self {
        if is_at_rounding(gap, value) {
            return Self { gap, level: value.abs() };
        }
        if costs.is_non_negative() {
            return Self::of_costs(gap, value);
        }
        let mean = |of: &[f64]| of.iter().map(|x| x.abs()).sum::<f64>() / of.len() as f64;
        Self { gap, level: value.abs() + mean(&potentials.u) + mean(&potentials.v) }
    }

    /// Whether nothing but rounding is left open.
    pub(crate) fn is_optimal(self) -> bool {
        is_at_rounding(self.gap, self.level)
    }

    /// What it allows to say.
    pub(crate) fn status(self) -> Status {
        if self.is_optimal() { Status::Optimal } else { Status::Stopped { error: self.gap / self.level } }
    }
}
