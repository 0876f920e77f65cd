//! KD²M: feature knowledge distillation by distribution matching.
//!
//! A student learns from a frozen teacher by minimising CE(student) + λ · D(student features, teacher features) over mini-batches
//! that both networks see (Montesuma, 2025). [`criterion`] holds the losses, [`train`] the loop, [`engine`] what runs a network.
//! Burn users take a [`criterion::Criterion`] into their own loop; everyone else reads [`train::distill`] first.

pub mod batch;
pub mod bench;
pub mod config;
pub mod criterion;
pub mod device;
pub mod engine;
pub mod error;
pub mod files;
pub mod measure;
pub mod number;
pub mod objective;
pub mod parameters;
pub mod report;
pub mod teacher;
pub mod theory;
pub mod train;
pub mod warning;

pub use batch::{Batch, Outputs};
pub use config::Config;
pub use criterion::Criterion;
pub use error::Error;
