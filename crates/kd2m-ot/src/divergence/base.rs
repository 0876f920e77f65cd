//! What every divergence is: two clouds and a request in, a solution out. Next: [`super::w2`], the first of them.

use rayon::prelude::*;

use crate::{
    cloud::Cloud,
    error::OtError,
    real::Real,
    sets::{Over, Set},
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

/// A way to compare two clouds. Implement it for both precisions (`impl<T: Real>`) and the wrappers of [`crate::combine`] take it.
pub trait Divergence<T: Real>: Send + Sync {
    /// Compares A with B.
    ///
    /// # Errors
    /// Clouds that do not fit this divergence: widths, too few samples, missing labels; [`OtError::Interrupted`] once
    /// [`Request::stop`] is set.
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError>;

    /// Compares two sets that are read by position, none of them held, by one process or several; `None` of a divergence that cannot.
    /// Each of the ranks is told the same answer, which does not depend on how many they are.
    ///
    /// # Errors
    /// As [`Divergence::evaluate`]; rows that cannot be read ([`OtError::Unreadable`]); a gradient, or a plan that is no list of arcs
    /// ([`OtError::Numeric`]).
    fn evaluate_sets(
        &self,
        _a: &Set<T>,
        _b: &Set<T>,
        _request: Request,
        _over: Over,
    ) -> Option<Result<Solution<T>, OtError>> {
        None
    }
}

impl<T: Real, D: Divergence<T> + ?Sized> Divergence<T> for Box<D> {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        (**self).evaluate(a, b, request)
    }

    fn evaluate_sets(
        &self,
        a: &Set<T>,
        b: &Set<T>,
        request: Request,
        over: Over,
    ) -> Option<Result<Solution<T>, OtError>> {
        (**self).evaluate_sets(a, b, request, over)
    }
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
