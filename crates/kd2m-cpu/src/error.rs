//! What can go wrong when a network is made, run or loaded.

use kd2m_nn::optimizer::OptimizerError;
use thiserror::Error;

/// Errors of the CPU engine; each says what was given, what was expected and what to do.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CpuError {
    /// A map that the graph does not name.
    #[error("the network {network} has no stage {stage:?}; its stages are {known}")]
    UnknownStage {
        /// The graph.
        network: String,
        /// As it was asked for.
        stage: String,
        /// The stages that it has.
        known: String,
    },
    /// A map that was not kept.
    #[error("stage {0:?} was not asked for when the network was made: name it in Options::stages")]
    UnwantedStage(String),
    /// Weights or optimizer state that are not whole.
    #[error("tensor {key:?} is missing")]
    MissingTensor {
        /// PyTorch's name of the tensor.
        key: String,
    },
    /// Weights of another network.
    #[error("tensor {key:?} has shape {found:?}, expected {expected:?}")]
    WrongShape {
        /// PyTorch's name of the tensor.
        key: String,
        /// The network's.
        expected: Vec<usize>,
        /// What was given.
        found: Vec<usize>,
    },
    /// Images or gradients of another size.
    #[error("{what}: {found} values, expected {expected}")]
    WrongLength {
        /// Which values.
        what: String,
        /// How many are needed.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// An optimizer state that is not one of this network.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// No images.
    #[error("the batch is empty")]
    EmptyBatch,
    /// Training of a batch norm on one value a channel.
    #[error(
        "{layer} normalises over one value a channel, which has no variance: train on batches of at least two images \
         (join a last batch of one to the batch before)"
    )]
    BatchOfOne {
        /// The batch norm.
        layer: String,
    },
    /// Training of a network that was made without gradients.
    #[error("this network is frozen (Options::trainable is false): it only runs in Mode::Evaluate")]
    Frozen,
    /// Nothing to run backward from, or no map yet.
    #[error("backward needs a forward in Mode::Train before it")]
    NoForward,
    /// An optimizer step without a backward pass since the last.
    #[error("the gradients of the accumulated backward passes were already used by a step")]
    NoGradient,
    /// The operating system refuses threads.
    #[error(transparent)]
    Threads(#[from] kd2m_simd::threads::ThreadsError),
    /// `KD2M_ISA` names none of this processor.
    #[error(transparent)]
    Isa(#[from] kd2m_simd::isa::IsaError),
}
