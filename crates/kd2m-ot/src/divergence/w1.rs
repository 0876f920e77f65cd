//! 1-Wasserstein distance between two clouds: min over plans γ of Σ γ_ij ‖x_i − y_j‖.
//! Exact by [`crate::solver::assignment`] where sizes are equal and weights uniform, by the network simplex otherwise.
//! Gradient, for a fixed optimal plan: Σ_j γ_ij (x_i − y_j) / ‖x_i − y_j‖, 0 where points coincide. Next: [`super::exact`].

use super::{
    entry::{Entry, Traits, build},
    exact::exact,
};
use crate::cost::rows::Ground;

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "w1",
    aliases: &[],
    formula: "min over plans γ of Σ γ_ij ‖x_i − y_j‖",
    source: "Kantorovich (1942); solver after Jonker and Volgenant (1987) and Bertsekas (1988)",
    cost: "as w2",
    when: "as w2, where single outliers should not weigh by their square",
    traits: Traits { sets: true, keeps: true, ..Traits::PLAIN },
    options: W1::OPTIONS,
    build: build::<W1>,
};

exact! {
    /// Exact W₁.
    pub struct W1 for ENTRY, Ground::Distance
}
