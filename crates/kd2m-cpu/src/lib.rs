#![doc = include_str!("../README.md")]
//!
//! Start with [`Network`]; then `plan` (graph → steps and buffers), `op` (a file a layer), `conv` (the products), `dispatch` (which kernel, and why).

#![deny(missing_docs)]

mod attention;
mod conv;
mod dispatch;
mod epilogue;
mod error;
mod geometry;
pub mod isa;
mod layout;
mod network;
mod norm;
mod op;
mod parameters;
mod plan;
mod pool;
mod program;
mod update;

use kd2m_simd::{aligned, cache, threads};

pub use error::CpuError;
pub use kd2m_nn::step::{Decayed, Mode, Reduce, Rule, Then, Update};
pub use network::{KernelChoice, Network, Options};
