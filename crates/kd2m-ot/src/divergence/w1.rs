//! 1-Wasserstein distance between two clouds: min over plans γ of Σ γ_ij ‖x_i − y_j‖.
//! Exact by [`crate::solver::assignment`] where sizes are equal and weights uniform, by the network simplex otherwise.
//! Gradient, for a fixed optimal plan: Σ_j γ_ij (x_i − y_j) / ‖x_i − y_j‖, 0 where points coincide. Next: [`super::exact`].

use super::{AnyDivergence, Divergence, Request, exact::Exact, entry::{Entry, Traits}};
use crate::{cloud::Cloud, cost::rows::Ground, error::OtError, options::Options, real::Real, solution::Solution};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "w1",
    aliases: &[],
    formula: "min over plans γ of Σ γ_ij ‖x_i − y_j‖",
    source: "Kantorovich (1942); solver after Jonker and Volgenant (1987) and Bertsekas (1988)",
    cost: "as w2",
    when: "as w2, where single outliers should not weigh by their square",
    traits: Traits::PLAIN,
    options: super::exact::OPTIONS,
    build: build,
};

/// Exact W₁.
#[derive(Debug, Clone, Copy)]
pub struct W1(Exact);

/// The registry's constructor.
///
/// # Errors
/// A memory that is not a number from 0 on.
pub fn build(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    Ok(Box::new(W1(Exact::read("w1", Ground::Distance, options)?)))
}

impl<T: Real> Divergence<T> for W1 {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        self.0.evaluate(a, b, request)
    }
}
