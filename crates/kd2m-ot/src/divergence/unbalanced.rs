//! Sinkhorn divergence with KL-relaxed marginals: mass may be created and destroyed at the price ρ·KL, so that a few samples far
//! from all others do not drag the whole plan (Séjourné et al. 2019). Debiased as [`super::sinkhorn`], whose code this is.

use super::{
    entry::{Entry, Traits},
    sinkhorn,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "unbalanced",
    aliases: &[],
    formula: "the same with marginals relaxed: + ρ KL(γ1 | a) + ρ KL(γᵀ1 | b)",
    source: "Séjourné et al. (2019)",
    cost: "as sinkhorn",
    when: "outliers or different class proportions that should not be transported at any price",
    traits: Traits::PLAIN,
    options: sinkhorn::UNBALANCED_OPTIONS,
    build: sinkhorn::build_unbalanced,
};
