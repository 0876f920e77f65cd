//! The loop that trains networks: a teacher by cross entropy, or students of one seed by their objectives against their teacher. All are
//! shown the same batches, so each is loaded, and the teacher asked about it, once; what a network does with it is its own
//! (`learning.rs`, `step.rs`), whoever learns beside it. The outputs are leaves of the objective's tape; their gradients go back to the
//! engine, which knows nothing of losses.

mod dominance;
mod error;
mod group;
mod learner;
mod learning;
mod lessons;
mod resume;
mod step;
mod validate;
mod views;

pub use learner::{Fitted, Learner};
pub use lessons::{fit, one};
pub use views::Views;

#[cfg(test)]
mod tests;
