//! A network on some device: the student is trained through it, a teacher only run forward.
//! [`cpu`] is our own engine for processors, [`mod@burn`] runs a graph on any Burn device; losses never notice which it was.

pub mod average;
pub mod burn;
pub mod choose;
pub mod cpu;
pub mod head;
mod inner;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod seeing;
pub mod spread;

use std::{collections::BTreeMap, sync::Arc};

use ::burn::tensor::Tensor;
pub use kd2m_nn::step::{Decayed, Draws, Mode, Rule, Then, Update};
use kd2m_nn::{NamedTensor, Weights, optimizer::OptimizerError};
use thiserror::Error;

use crate::{
    batch::{CopyError, Outputs},
    teacher::ViewsError,
};

/// Augmented pixels in 0…1, `[n, channels, height, width]` row-major.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// The numbers, n times those of an image.
    pub pixels: &'a [f32],
    /// Samples.
    pub n: usize,
}

/// Gradients of the objective with respect to a network's outputs; `None` where it does not depend on one.
/// Each is partial: what flows through later layers the engine adds.
#[derive(Debug, Clone, Default)]
pub struct OutputGradients {
    /// `[n, d]`.
    pub features: Option<Tensor<2>>,
    /// `[n, classes]`.
    pub logits: Option<Tensor<2>>,
    /// `[n, c, h, w]`, by the stage's name.
    pub maps: Vec<(Arc<str>, Tensor<4>)>,
}

/// What an engine cannot do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Weights of another network.
    #[error("weights do not fit {model}: {message}")]
    Weights {
        /// The network's name.
        model: String,
        /// Which tensor does not fit, and how.
        message: String,
    },
    /// Images of another size.
    #[error("{model} expects images of {expected} values, got {found}")]
    Images {
        /// The network's name.
        model: String,
        /// Numbers of an image that it takes.
        expected: usize,
        /// Numbers of an image that was given.
        found: usize,
    },
    /// A backward pass that has nothing to go back through.
    #[error("backward without a forward pass in training mode")]
    NoForward,
    /// A checkpoint's optimizer state that does not fit.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// Values that could not be brought to or from the device.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A teacher that is a list of outputs, asked for an image that is not in it.
    #[error("teacher.outputs has no row for image {index} of the {} part: give outputs of every image that is trained or validated on", match part {
        kd2m_data::Part::Train => "training",
        kd2m_data::Part::Test => "test",
    })]
    NoOutputs {
        /// The part of the data set.
        part: kd2m_data::Part,
        /// The image in it.
        index: u32,
    },
    /// A teacher's stored outputs of views that are drawn.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// A teacher that only answers, asked to learn.
    #[error("this network is not trained: it only answers")]
    Frozen,
    /// What Burn, or the runtime of ONNX models, says where it has no type for it.
    #[error("{0}")]
    Other(String),
}

/// Runs and trains one graph.
pub trait Engine: Send {
    /// Outputs of a batch, on [`device`](Engine::device), without a tape.
    ///
    /// # Errors
    /// Images of another size than the graph's.
    fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError>;

    /// Carries gradients of the last training outputs to the parameters.
    ///
    /// # Errors
    /// No training forward pass to go back through.
    fn backward(&mut self, gradients: &OutputGradients, then: Then) -> Result<(), EngineError>;

    /// Σ g² over all accumulated parameter gradients.
    ///
    /// # Errors
    /// A gradient that cannot be copied from its device.
    fn gradient_norm_squared(&self) -> Result<f64, CopyError>;

    /// Weight decay moves these tensors alone from now on; all at first.
    fn decay(&mut self, decayed: Decayed);

    /// Each tensor that is named learns at so many times the rate of a step from now on, all others at the rate itself.
    fn scale_rates(&mut self, rates: &BTreeMap<String, f64>);

    /// What the next training passes leave out at random is drawn from these.
    fn draw_from(&mut self, draws: Draws);

    /// Makes the accumulated gradients those of all ranks, where several share the network: before their norm is asked for.
    ///
    /// # Errors
    /// As [`change_gradients`](Engine::change_gradients).
    fn gather_gradients(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    /// Puts what this makes of them in place of the accumulated parameter gradients, tensor by tensor in a fixed order.
    ///
    /// # Errors
    /// An engine that cannot.
    fn change_gradients(&mut self, change: &mut dyn FnMut(&mut [f32])) -> Result<(), EngineError> {
        let _ = change;
        Err(EngineError::Other("only the CPU engine is shared by several processes: leave --device out".to_owned()))
    }

    /// One optimizer step with the accumulated gradients, which are then cleared.
    ///
    /// # Errors
    /// None of the built-in engines fails here.
    fn step(&mut self, update: &Update) -> Result<(), EngineError>;

    /// Parameters and running statistics under PyTorch's keys.
    ///
    /// # Errors
    /// A tensor that cannot be copied from its device.
    fn network_state(&self) -> Result<Weights, CopyError>;

    /// Momentum and moments, and the step count: with the network state all that exact resume needs.
    ///
    /// # Errors
    /// A moment that cannot be copied from its device.
    fn optimizer_state(&self) -> Result<Weights, CopyError>;

    /// Replaces parameters and running statistics.
    ///
    /// # Errors
    /// A key or shape that does not fit.
    fn load_network(&mut self, weights: &Weights) -> Result<(), EngineError>;

    /// One trained parameter, if there is one under this key.
    ///
    /// # Errors
    /// A tensor that cannot be copied from its device.
    fn tensor(&self, key: &str) -> Result<Option<NamedTensor>, CopyError>;

    /// Replaces the trained parameters that are named; all else stays.
    ///
    /// # Errors
    /// A key or shape that does not fit; nothing is changed then.
    fn replace(&mut self, part: &Weights) -> Result<(), EngineError>;

    /// Replaces the optimizer's state.
    ///
    /// # Errors
    /// A key or shape that does not fit.
    fn load_optimizer(&mut self, state: &Weights) -> Result<(), EngineError>;

    /// Gradients accumulated so far under PyTorch's keys: for tests and comparisons.
    ///
    /// # Errors
    /// A gradient that cannot be copied from its device.
    fn gradients(&self) -> Result<Weights, CopyError>;

    /// Which arithmetic computes the outputs: engine, kernels, threads. A cache of outputs serves only engines that say the same.
    fn arithmetic(&self) -> String;

    /// About how many bytes it takes to train on batches of n; none where that is not known.
    fn bytes(&self, n: usize) -> Option<usize>;

    /// Where the outputs live.
    fn device(&self) -> ::burn::tensor::Device;
}
