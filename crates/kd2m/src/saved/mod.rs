//! Networks as they lie on disk, for commands that want one: a student or the teacher of a run, or a file of weights.
//! Read next: `description.rs` (what our files say of themselves), `network.rs` (which one is meant), `answers.rs` (what it says to
//! images).

mod answers;
mod description;
mod file;
mod network;
mod open;
mod run;
mod scores;

pub use answers::{Images, Predicted, Split, predict};
pub use description::Description;
pub use file::{Facts, channels, is_weights};
pub use network::{Origin, Saved};
pub use open::open;
pub use run::Which;
pub use scores::{ClassScore, Scores};
