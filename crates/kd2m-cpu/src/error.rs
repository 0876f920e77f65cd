//! What can go wrong when a network is made, run or loaded.

use kd2m_nn::optimizer::OptimizerError;
use thiserror::Error;

/// Errors of the CPU engine; each says what was given, what was expected and what to do.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CpuError {
    #[error("the network {network} has no stage {stage:?}; its stages are {known}")]
    UnknownStage { network: String, stage: String, known: String },
    #[error("stage {0:?} was not asked for when the network was made: name it in Options::stages")]
    UnwantedStage(String),
    #[error("tensor {key:?} is missing")]
    MissingTensor { key: String },
    #[error("tensor {key:?} has shape {found:?}, expected {expected:?}")]
    WrongShape { key: String, expected: Vec<usize>, found: Vec<usize> },
    #[error("{what}: {found} values, expected {expected}")]
    WrongLength { what: String, expected: usize, found: usize },
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    #[error("the batch is empty")]
    EmptyBatch,
    #[error(
        "{layer} normalises over one value a channel, which has no variance: train on batches of at least two images \
         (join a last batch of one to the batch before)"
    )]
    BatchOfOne { layer: String },
    #[error("this network is frozen (Options::trainable is false): it only runs in Mode::Evaluate")]
    Frozen,
    #[error("backward needs a forward in Mode::Train before it")]
    NoForward,
    #[error("the gradients of the accumulated backward passes were already used by a step")]
    NoGradient,
    #[error(transparent)]
    Threads(#[from] kd2m_simd::threads::ThreadsError),
    #[error(transparent)]
    Isa(#[from] kd2m_simd::isa::IsaError),
}
