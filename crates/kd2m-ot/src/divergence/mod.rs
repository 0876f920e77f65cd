//! The divergences, one file each, behind one trait and one registry.
//! A file holds formula, source, cost in n and d, when to choose it, the code and its tests; the list at the foot of this page names them.

pub mod entry;
mod exact;
#[cfg(test)]
mod exact_tests;
pub mod registry;

use rayon::prelude::*;

use crate::{
    cloud::Cloud,
    error::OtError,
    real::Real,
    solution::{Potentials, Solution},
    stop::Stop,
};

/// What the caller wants beside the value.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The gradient with respect to A.
    pub gradient: bool,
    /// The coupling, where there is one.
    pub plan: bool,
    /// Potentials to start from, e.g. those of the last training step: they change the time, never the answer.
    pub start: Option<&'a Potentials>,
    /// Ends a long solve: the answer is [`OtError::Interrupted`] soon after it was set.
    pub stop: &'a Stop,
}

impl Request<'_> {
    /// The value alone.
    pub const VALUE: Request<'static> = Request { gradient: false, plan: false, start: None, stop: &Stop::NEVER };
    /// Value and gradient.
    pub const GRADIENT: Request<'static> = Request { gradient: true, ..Self::VALUE };
    /// Value, gradient and plan.
    pub const ALL: Request<'static> = Request { plan: true, ..Self::GRADIENT };
}

impl Default for Request<'_> {
    /// The value alone.
    fn default() -> Self {
        Self::VALUE
    }
}

/// A way to compare two clouds. Options were checked when it was built; inside there is nothing left to validate but the pair.
pub trait Divergence<T: Real>: Send + Sync {
    /// Compares A with B.
    ///
    /// # Errors
    /// Clouds that do not fit this divergence: widths, too few samples, missing labels; [`OtError::Interrupted`] once
    /// [`Request::stop`] is set.
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError>;
}

/// A divergence in both precisions, as the registry hands it out.
pub trait AnyDivergence: Divergence<f32> + Divergence<f64> {}
impl<D: Divergence<f32> + Divergence<f64>> AnyDivergence for D {}

/// Many pairs of clouds at once: threads are shared over the pairs, and each answer is what the pair alone gives.
///
/// # Errors
/// For each pair those of [`Divergence::evaluate`].
pub fn evaluate_all<T: Real, D: Divergence<T> + ?Sized>(
    divergence: &D,
    pairs: &[(Cloud<T>, Cloud<T>)],
    request: Request,
) -> Vec<Result<Solution<T>, OtError>> {
    pairs.par_iter().map(|(a, b)| divergence.evaluate(a, b, request)).collect()
}

/// Makes a file of each name a module, and its `ENTRY` a line of the registry.
macro_rules! divergences {
    ($($file:ident),* $(,)?) => {
        $(pub mod $file;)*

        /// All divergences, in the order in which tables show them.
        pub const ENTRIES: &[entry::Entry] = &[$($file::ENTRY),*];
    };
}

divergences! {
    w2,
    w1,
    bounds,
    jw2,
    mse,
    mmd_linear,
    mmd_rbf,
    mmd_poly,
    energy,
    gaussian_w2_diag,
    gaussian_w2,
    fid,
    sinkhorn,
    unbalanced,
    gaussian_kl,
    gaussian_kl_diag,
    jeffreys,
    bhattacharyya,
    hellinger,
    coral,
    sliced,
    max_sliced,
    cf,
    kid,
    gw,
    fgw,
}
