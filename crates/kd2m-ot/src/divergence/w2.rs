//! Squared 2-Wasserstein distance between two clouds: min over plans γ of Σ γ_ij ‖x_i − y_j‖² (squared, as in the paper).
//! Exact by [`crate::solver::assignment`] where sizes are equal and weights uniform, by the network simplex otherwise.
//! Gradient, for a fixed optimal plan: 2·Σ_j γ_ij (x_i − y_j). Next: [`super::exact`].

use super::{
    entry::{Entry, Traits, build},
    exact::exact,
};
use crate::cost::rows::Ground;

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "w2",
    aliases: &[],
    formula: "min over plans γ of Σ γ_ij ‖x_i − y_j‖² (squared, as in the paper)",
    source: "Kantorovich (1942); solver after Jonker and Volgenant (1987) and Bertsekas (1988)",
    cost: "O(n²d) for the costs, O(n³) at worst and about O(n²) in practice for the plan; n² floats of memory, or O(n) where rows are computed again",
    when: "first choice: exact, free of parameters, and cheaper than its entropic relatives at every size",
    traits: Traits { sets: true, keeps: true, ..Traits::SQUARED },
    options: W2::OPTIONS,
    build: build::<W2>,
};

exact! {
    /// Exact W₂², squared.
    pub struct W2 for ENTRY, Ground::Squared
}
