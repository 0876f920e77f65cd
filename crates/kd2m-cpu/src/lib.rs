//! Trains and runs a [`kd2m_nn::Graph`] on a CPU: a [`Network`] compiles the graph into fused steps over buffers that are allocated
//! once, computes them with kernels for the processor it finds itself on, and steps SGD or AdamW. Plain slices in and out.
//!
//! ```
//! use kd2m_cpu::{Mode, Network, Options, Then, Update};
//! use kd2m_nn::{init::initialise, zoo};
//!
//! let graph = zoo::build("digits-cnn-student", &zoo::ZooOptions::new(10, 1, 8, 8))?;
//! let mut network = Network::new(&graph, &initialise(&graph, 0), Options::default())?;
//! let images = vec![0.5; 4 * 64];
//! network.forward(&images, 4, Mode::Train)?;
//! // The gradient of ½‖logits‖²: a step shrinks them.
//! let logits = network.logits().to_vec();
//! network.backward(None, Some(&logits), &[], Then::Step(Update::sgd(0.01, 0.9)))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Start with [`Network`]; then `plan` (graph → steps and buffers), `conv` (the products), `dispatch` (which kernel, and why).

mod buffers;
mod conv;
mod dispatch;
mod epilogue;
mod error;
mod geometry;
pub mod isa;
mod layout;
mod network;
mod norm;
mod parameters;
mod plan;
mod pool;
mod program;
mod threads;
mod update;

pub use error::CpuError;
pub use network::{KernelChoice, Mode, Network, Options, Then};
pub use update::{Rule, Update};
