//! Exact transport for any marginals: an assignment where both are uniform and of equal size, the network simplex otherwise.
//! The one place that chooses between exact solvers of a given cost matrix.
//! Next: [`super::assignment`], [`super::network_simplex`].

use super::{assignment, network_simplex};
use crate::{
    real::Real,
    solution::{Plan, Potentials, Status},
};

/// An optimal plan between two marginals, with its certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Transport {
    pub plan: Plan,
    pub potentials: Potentials,
    /// Σ γ_ij c_ij over the cost matrix as given.
    pub value: f64,
    /// Value minus the dual bound of the potentials, both computed in `f64` over the whole matrix.
    pub gap: f64,
    pub status: Status,
    pub iterations: usize,
}

/// The plan of least cost for a row-major matrix `[n, m]`; weights of `None` are uniform.
pub fn solve<T: Real>(
    cost: &[T],
    (n, m): (usize, usize),
    a: Option<&[f64]>,
    b: Option<&[f64]>,
    start: Option<&Potentials>,
) -> Transport {
    if n == m && a.is_none() && b.is_none() {
        let start = start.filter(|p| p.v.len() == m).map(|p| p.v.as_slice());
        let found = assignment::solve(cost, n, start);
        return Transport {
            plan: Plan::Permutation(found.columns),
            potentials: found.potentials,
            value: found.value,
            gap: found.gap,
            status: Status::Optimal,
            iterations: found.iterations,
        };
    }
    let uniform = |count: usize| vec![1.0 / count as f64; count];
    let (uniform_a, uniform_b) = (uniform(n), uniform(m));
    network_simplex::solve(cost, a.unwrap_or(&uniform_a), b.unwrap_or(&uniform_b), start)
}
