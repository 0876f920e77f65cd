//! The theory of the method: how much a student can lose against its teacher, given how far apart their features lie.
//! KD²M's bound (Montesuma 2025, after Redko et al. 2017) with what it needs to hold in practice: labels, class priors, two heads,
//! Lipschitz constants. Definitions and proofs: `docs/theory.md`; read `analysis` first, [`saved`] is behind `kd2m bound`.

pub(crate) mod analysis;
pub(crate) mod bounds;
pub(crate) mod chain;
pub(crate) mod concentration;
pub(crate) mod crossing;
pub mod distance;
pub mod head;
pub(crate) mod lipschitz;
pub(crate) mod mismatch;
pub(crate) mod moments;
pub(crate) mod risk;
pub(crate) mod sample;
pub mod saved;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub(crate) mod transfer;
pub(crate) mod within;

pub use analysis::{Analysis, Settings, Subject};
pub use chain::{Chain, Link, Term, Verdict};
