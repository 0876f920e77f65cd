//! What is known of a plan once it was looked at. Next: [`super::settle`], which proves it.

use crate::solution::Potentials;

/// A plan's cost, feasible potentials, and how far apart they leave it from the optimum.
pub(crate) struct Proof {
    pub potentials: Potentials,
    pub value: f64,
    pub gap: f64,
}
