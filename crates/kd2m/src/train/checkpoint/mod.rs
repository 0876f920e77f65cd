//! What a killed run goes on from. `state` is where training stands, `whole` a folder of files with their checksums, `places`
//! how a newer one takes the place of the older without a moment in which neither can be read, `store` saves and loads.

mod places;
mod state;
mod store;
mod whole;

pub use state::{Course, Partial, State};
pub use store::{Checkpoints, INTERVAL, Saved};

#[cfg(test)]
mod tests;
