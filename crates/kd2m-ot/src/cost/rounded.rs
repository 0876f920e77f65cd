//! A cost matrix in the precision of the features, with a bound on what rounding took from each entry: what a solver searches in
//! before costs computed anew have the last word.

use std::borrow::Cow;

use super::rows::Ground;
use crate::real::Real;

/// Row-major `[n, m]` costs, each within [`Rounded::bound`] of the true one.
#[derive(Debug, Clone)]
pub(crate) struct Rounded<'a, T: Clone> {
    pub cost: Cow<'a, [T]>,
    pub columns: usize,
    /// Bound of each row's squared distances, whatever the column.
    pub absolute: Vec<f64>,
    /// What comes to it as a share of the entry.
    pub relative: f64,
    pub ground: Ground,
}

impl<'a, T: Real> Rounded<'a, T> {
    /// Costs that are right as they stand.
    pub(crate) fn exact(cost: &'a [T], columns: usize) -> Self {
        let absolute = vec![0.0; cost.len() / columns.max(1)];
        Self { cost: cost.into(), columns, absolute, relative: 0.0, ground: Ground::Squared }
    }

    /// The costs of row i.
    pub(crate) fn row(&self, i: usize) -> &[T] {
        &self.cost[i * self.columns..(i + 1) * self.columns]
    }

    /// How far an entry of row i that is `cost` may be off.
    #[inline(always)]
    pub(crate) fn bound(&self, i: usize, cost: f64) -> f64 {
        match self.ground {
            Ground::Squared => self.absolute[i] + self.relative * cost,
            Ground::Distance => {
                let squared = self.absolute[i] + 2.0 * self.relative * cost * cost;
                self.ground.of_error(squared, cost) + self.relative * cost
            }
        }
    }

    /// How far any entry of row i may be off whose costs go up to `largest`.
    pub(crate) fn at_most(&self, i: usize, largest: f64) -> f64 {
        match self.ground {
            Ground::Squared => self.absolute[i] + self.relative * largest,
            // √(p + q) ≤ √p + √q, whatever the entry.
            Ground::Distance => {
                self.absolute[i].sqrt() + ((2.0 * self.relative).sqrt() + 2.0 * self.relative) * largest
            }
        }
    }
}
