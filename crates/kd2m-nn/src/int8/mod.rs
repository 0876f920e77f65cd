//! Networks on integers of eight bits, by static quantisation: weights by channel and symmetric, values between layers with one step and
//! one zero each, sums of 32 bits. (Jacob et al. 2018; the form of ONNX's QuantizeLinear and DequantizeLinear.)
//!
//! The result is a graph that computes with the dequantised numbers, so that every engine says what integers would: read [`fold`],
//! which takes batch norms into weights, then [`watched`], whose stages give the ranges of values, then [`quantise`].

mod fold;
mod insert;

pub use fold::fold;
pub use insert::{Int8, Ranges, Steps, quantise, watched};
