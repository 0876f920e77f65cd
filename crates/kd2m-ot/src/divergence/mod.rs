//! The divergences, one file each, behind one trait and one registry.
//! A file holds formula, source, cost in n and d, when to choose it, the code and its tests; [`registry`] holds one line for each.

pub mod bhattacharyya;
pub mod cf;
pub mod coral;
pub mod energy;
mod exact;
#[cfg(test)]
mod exact_tests;
pub mod fgw;
pub mod fid;
pub mod gaussian_kl;
pub mod gaussian_kl_diag;
pub mod gaussian_w2;
pub mod gaussian_w2_diag;
pub mod gw;
pub mod hellinger;
pub mod jeffreys;
pub mod jw2;
pub mod kid;
pub mod max_sliced;
pub mod mmd_linear;
pub mod mmd_poly;
pub mod mmd_rbf;
pub mod mse;
pub mod registry;
pub mod sinkhorn;
pub mod sliced;
pub mod unbalanced;
pub mod w1;
pub mod w2;

use crate::{
    cloud::Cloud,
    error::OtError,
    real::Real,
    solution::{Potentials, Solution},
};

/// What the caller wants beside the value.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The gradient with respect to A.
    pub gradient: bool,
    /// The coupling, where there is one.
    pub plan: bool,
    /// Potentials to start from, e.g. those of the last training step: they change the time, never the answer.
    pub start: Option<&'a Potentials>,
}

impl Request<'_> {
    /// The value alone.
    pub const VALUE: Request<'static> = Request { gradient: false, plan: false, start: None };
    /// Value and gradient.
    pub const GRADIENT: Request<'static> = Request { gradient: true, plan: false, start: None };
    /// Value, gradient and plan.
    pub const ALL: Request<'static> = Request { gradient: true, plan: true, start: None };
}

/// A way to compare two clouds. Options were checked when it was built; inside there is nothing left to validate but the pair.
pub trait Divergence<T: Real>: Send + Sync {
    /// Compares A with B.
    ///
    /// # Errors
    /// Clouds that do not fit this divergence: widths, too few samples, missing labels.
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError>;
}

/// A divergence in both precisions, as the registry hands it out.
pub trait AnyDivergence: Divergence<f32> + Divergence<f64> {}
impl<D: Divergence<f32> + Divergence<f64>> AnyDivergence for D {}
