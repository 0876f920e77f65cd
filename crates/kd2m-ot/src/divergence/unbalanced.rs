//! Sinkhorn divergence with KL-relaxed marginals: mass may be created and destroyed at the price ρ·KL, so that a few samples far
//! from all others do not drag the whole plan (Séjourné et al. 2019). Debiased as [`super::sinkhorn`], whose code this is.

use super::{
    Request,
    entry::{Entry, Traits, build},
    sinkhorn::{Relaxation, entropic},
};
use crate::{
    cloud::Cloud,
    error::OtError,
    parameters::domain::SCALE,
    precision::{Estimate, Estimated, sets::EstimatedOfSets},
    sets::{Over, tiles::Reader},
    solver::sinkhorn::Lane,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "unbalanced",
    aliases: &[],
    formula: "the same with marginals relaxed: + ρ KL(γ1 | a) + ρ KL(γᵀ1 | b)",
    source: "Séjourné et al. (2019)",
    cost: "as sinkhorn",
    when: "outliers or different class proportions that should not be transported at any price",
    traits: Traits { iterates: true, sets: true, ..Traits::PLAIN },
    options: Unbalanced::OPTIONS,
    build: build::<Unbalanced>,
};

entropic! {
    /// The debiased entropic divergence with relaxed marginals; O(nmd) for the products, O(nm) a sweep.
    pub struct Unbalanced for ENTRY {
        /// strength of the KL penalty on the marginals, in units of the cost; auto: the mean cost, held constant
        rho: Option<f64> = "auto" in SCALE,
    }
}

impl<T: Lane> Estimated<T> for Unbalanced {
    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        self.debiased(self.rho.map_or(Relaxation::MeanCost, Relaxation::Strength)).estimate(a, b, request)
    }
}

impl<T: Lane> EstimatedOfSets<T> for Unbalanced {
    fn estimate_sets(
        &self,
        a: &Reader<T>,
        b: &Reader<T>,
        request: Request,
        over: Over,
    ) -> Result<Estimate<T>, OtError> {
        self.debiased(self.rho.map_or(Relaxation::MeanCost, Relaxation::Strength)).estimate_sets(a, b, request, over)
    }
}
