#![doc = include_str!("../README.md")]
//!
//! Burn users take a [`criterion::Criterion`] into their own loop; everyone else reads [`train::distill`](train::distill()) first.

#![deny(missing_docs)]

pub(crate) mod amount;
#[cfg(feature = "bench")]
pub mod bench;
pub(crate) mod claim;
pub mod classes;
pub mod columns;
pub mod config;
pub mod criterion;
pub mod device;
pub mod disk;
pub mod engine;
pub mod error;
pub mod export;
pub mod files;
pub mod frozen;
pub mod hub;
pub mod imported;
pub mod loading;
pub mod measure;
pub mod number;
pub mod objective;
pub mod observers;
pub mod preprocess;
pub mod published;
pub mod ranks;
#[cfg(feature = "report")]
pub mod report;
pub mod saved;
pub mod shell;
pub mod sums;
pub mod teacher;
#[cfg(feature = "theory")]
pub mod theory;
pub mod train;
pub mod warning;

pub use config::Config;
pub use criterion::Criterion;
pub use error::Error;
pub use kd2m_loss::{Batch, Outputs, batch, parameters};
