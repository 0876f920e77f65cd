#![doc = include_str!("../README.md")]
//!
//! Two sets of features become two [`Cloud`]s (checked once), a [`Divergence`](divergence::Divergence) compares them, and the
//! answer is a [`Solution`]: value, gradient with respect to the first cloud, coupling, potentials, and an honest [`Status`].
//! Start with [`divergence`] to see what there is, with [`problem`] where costs are given instead of features, and with
//! [`divergence::registry`] where a divergence is chosen by its name.

#![deny(missing_docs)]
#![warn(unreachable_pub)]
#![allow(rustdoc::private_intra_doc_links)]

pub mod cloud;
pub mod combine;
mod cost;
mod decomposition;
pub mod divergence;
pub mod error;
mod exp;
mod gaussian;
mod label_vectors;
mod matrix;
mod moments;
pub mod options;
mod pairwise;
mod parameters;
pub mod precision;
pub mod problem;
mod projection;
pub mod real;
pub mod room;
pub mod sets;
pub mod solution;
mod solver;
mod sorting;
#[cfg(test)]
mod testing;
mod trigonometry;

pub use kd2m_simd::{Stop, ranks, stop};
use kd2m_simd::{buffers, cache, isa, pool};

/// What benchmarks, golden tests and this workspace's own programs reach below the public interface. No promise is made of it.
#[doc(hidden)]
pub mod internals {
    pub use crate::{
        cost::squared_distances,
        isa::Isa,
        solver::{
            assignment::solve as assignment,
            network_simplex::solve as network_simplex,
            one_dimension::transport as one_dimension,
            sinkhorn::{Settings, batched::solve as batched_sinkhorn},
        },
    };
}

pub use cloud::{Cloud, Labels};
pub use error::{OtError, Side};
pub use options::Options;
pub use real::Real;
pub use solution::{Gradient, Plan, Potentials, Solution, Status};
