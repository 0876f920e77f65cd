//! What an exact solver of a given cost matrix is asked and answers. Next: [`super::transport`], which chooses one.

use crate::{
    cost::Rounded,
    real::Real,
    solution::{Plan, Potentials, Status},
    stop::Stop,
};

/// An optimal plan between two marginals, with its certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Transport {
    pub plan: Plan,
    pub potentials: Potentials,
    /// Σ γ_ij c_ij over the exact costs.
    pub value: f64,
    /// How far from the optimum the value can be, all rounding included; never negative.
    pub gap: f64,
    pub status: Status,
    pub iterations: usize,
}

/// A cost matrix in the precision of the features, and what its entries really are.
pub(crate) struct Problem<'p, 'r, T: Real, C> {
    pub rounded: &'p Rounded<'r, T>,
    pub exact: &'p C,
    pub stop: &'p Stop,
}
