#![doc = include_str!("../README.md")]
//!
//! Two sets of features become two [`Cloud`]s (checked once), a [`Divergence`](divergence::Divergence) compares them, and the
//! answer is a [`Solution`]: value, gradient with respect to the first cloud, coupling, potentials, and an honest [`Status`].
//! Start with [`divergence`] to see what there is, with [`problem`] where costs are given instead of features, and with
//! [`divergence::registry`] where a divergence is chosen by its name.

pub mod cloud;
pub mod combine;
pub mod cost;
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
pub mod solution;
pub mod solver;
#[cfg(test)]
mod testing;
mod trigonometry;

pub use kd2m_simd::{Stop, isa, stop};
use kd2m_simd::{buffers, cache, pool};

pub use cloud::{Cloud, Labels};
pub use error::{OtError, Side};
pub use options::Options;
pub use real::Real;
pub use solution::{Gradient, Plan, Potentials, Solution, Status};
