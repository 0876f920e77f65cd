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

/// What layers that leave something out at random draw from: with the layer, the sample and the value it decides each draw. A run that was
/// stopped, and processes that have a part of every batch each, draw what one run draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Draws {
    /// The run's.
    pub seed: u64,
    /// From 0.
    pub epoch: u64,
    /// Of the epoch, from 0.
    pub batch: u64,
    /// The place in the batch of the first sample that is given.
    pub first: u64,
}

impl Draws {
    /// A number in 0…1, below 1, of 53 bits, for a value of a sample of those given in a layer.
    pub fn unit(&self, layer: u64, sample: usize, value: usize) -> f64 {
        let key = [self.seed, self.epoch, self.batch, layer, self.first + sample as u64, value as u64];
        let mixed = key.into_iter().fold(0, |mixed, part| split_mix(mixed ^ split_mix(part)));
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// SplitMix64's step (Steele et al. 2014): increment by the golden ratio, then a mixing bijection.
fn split_mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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
