#![doc = include_str!("../README.md")]
//!
//! Two sets of features become two [`Cloud`]s (checked once), a [`Divergence`](divergence::Divergence) compares them, and the
//! answer is a [`Solution`]: value, gradient with respect to the first cloud, coupling, potentials, and an honest [`Status`].
//! Start with [`divergence::registry`] to see what there is.

mod buffers;
pub mod cloud;
pub mod combine;
pub mod cost;
mod crew;
mod decomposition;
pub mod divergence;
pub mod error;
mod exp;
mod gaussian;
pub mod isa;
mod label_vectors;
mod matrix;
mod moments;
pub mod options;
mod pairwise;
mod parameters;
pub mod precision;
mod projection;
pub mod real;
pub mod solution;
pub mod solver;
pub mod stop;
#[cfg(test)]
mod testing;
mod trigonometry;

pub use cloud::{Cloud, Labels};
pub use error::{OtError, Side};
pub use options::Options;
pub use real::Real;
pub use solution::{Gradient, Plan, Potentials, Solution, Status};
pub use stop::Stop;
