#![doc = include_str!("../README.md")]
//!
//! Start with [`CriterionConfig`]; [`matching`] makes a criterion of any divergence, the field's methods, one a file, are in
//! [`baselines`], and [`registry`] knows all. A criterion of your own: [`Criterion`], and [`Entry`] to give it a name.
#![deny(missing_docs)]

pub mod baselines;
pub mod batch;
mod class_cost;
pub mod class_map;
pub mod config;
pub mod criterion;
mod each_sample;
mod embedding;
pub mod entry;
pub mod error;
pub mod matching;
pub mod memory;
mod on_stages;
pub mod parameters;
pub mod projector;
pub mod registry;
mod regressor;
pub mod shapes;
pub mod stages;
mod start;
mod unit;

pub use batch::{Batch, Outputs};
pub use config::{Checked, CriterionConfig};
pub use criterion::{Criterion, Diagnostics, Recipe, Term};
pub use entry::Entry;
pub use error::{CriterionError, UnknownOutput};
pub use kd2m_nn::step::{Mode, Rule, Update};
pub use parameters::ParameterSet;
pub use registry::{Card, NameTaken, Registry};
pub use shapes::{Needs, NetworkShapes, Shapes};
