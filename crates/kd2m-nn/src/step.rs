//! The words of a training step, which engines and learned parts of losses share: what a forward pass is for, what follows a backward
//! pass, how a gradient moves a parameter.

use crate::parameter::Role;

/// Adds up over processes that each have a part of every batch.
pub trait Reduce: Send + Sync + std::fmt::Debug {
    /// Puts in place of each value the sum of all processes' values there: the same bits everywhere.
    fn sum(&self, values: &mut [f64]);
}

/// What the batch norms use: the batch's own statistics, which also move the running ones, or the running ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A training step: a backward pass may follow, memories change.
    #[default]
    Train,
    /// Nothing changes.
    Evaluate,
}

/// What follows a backward pass. Stepping at once lets an engine fuse the update with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Then {
    /// The gradients are added to those of earlier passes since the last step.
    Accumulate,
    /// One optimizer step with what was accumulated and this pass.
    Step(Update),
}

/// How a gradient becomes a step; both rules have PyTorch's meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// `v ← μ v + g`, `w ← w − lr (nesterov: g + μ v, else v)`, where g holds `weight_decay · w`.
    Sgd {
        /// μ; 0: none.
        momentum: f64,
        /// Steps along `g + μ v` in place of `v`.
        nesterov: bool,
    },
    /// `w ← w (1 − lr · weight_decay) − lr m̂ / (√v̂ + eps)`: Loshchilov and Hutter 2019.
    AdamW {
        /// Decay of the mean of gradients.
        beta1: f64,
        /// Decay of the mean of their squares.
        beta2: f64,
        /// Keeps the division finite.
        eps: f64,
    },
}

/// Which tensors weight decay moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decayed {
    /// All that are trained, as PyTorch's optimizers do with one group of parameters.
    #[default]
    All,
    /// Weights of convolutions and linear layers alone: no biases, scales and shifts of norms, factors of channels, class tokens, positions.
    Weights,
}

impl Decayed {
    /// Whether a tensor of this role is one.
    pub fn has(self, role: Role) -> bool {
        self == Self::All || role == Role::Weight
    }
}

/// One optimizer step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Learning rate.
    pub lr: f64,
    /// Pull towards zero.
    pub weight_decay: f64,
    /// Every gradient is multiplied by it first: clipping by global norm, averaging over accumulated batches.
    pub gradient_scale: f64,
    /// How the gradient becomes a step.
    pub rule: Rule,
}

impl Update {
    /// Plain or momentum SGD, gradients taken as they are.
    pub fn sgd(lr: f64, momentum: f64) -> Self {
        Self { lr, weight_decay: 0.0, gradient_scale: 1.0, rule: Rule::Sgd { momentum, nesterov: false } }
    }
}
