//! A graph as a list of fused steps over values: what an engine runs.
//!
//! [`fuse`] makes the steps, [`slots`] says which buffer each value and each gradient lives in. Sizes are for one sample, so one
//! plan serves every batch size.

mod backward;
mod fuse;
mod slots;

pub use backward::{BackwardStep, GradientTarget, backward};
pub use fuse::compile;
pub use slots::forward_slots;

use crate::{conv::Convolution, epilogue::Activation, layout::Extent, pool::Windows};

/// Index of a value: an activation that is stored.
pub type ValueId = usize;

/// A stored activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub extent: Extent,
    /// Only the network's input: images with this border of zeros, `[n][h][w][c]`.
    pub border: Option<[usize; 2]>,
    /// Whether any parameter is upstream.
    pub needs_gradient: bool,
}

impl Value {
    /// Stored values of one sample.
    pub fn len(&self) -> usize {
        let Extent { channels, height, width } = self.extent;
        match self.border {
            Some([y, x]) => channels * (height + 2 * y) * (width + 2 * x),
            None => self.extent.len(),
        }
    }
}

/// Index of a tensor in the order of `Graph::parameters`.
pub type ParameterId = usize;

/// A batch norm's tensors and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    pub gamma: ParameterId,
    pub beta: ParameterId,
    pub running_mean: ParameterId,
    pub running_variance: ParameterId,
    pub eps: f32,
    pub momentum: f32,
}

/// What a step computes from its inputs before residual and activation.
pub enum Operation {
    /// Images to the engine's layout; factor and summand of each channel.
    Images {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    /// The same inside a network.
    Normalise {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    /// A convolution or a linear layer; in evaluation with the batch norm after it folded in.
    Convolution {
        weight: ParameterId,
        bias: Option<ParameterId>,
        folded: Option<Norm>,
        conv: Box<Convolution>,
    },
    BatchNorm(Norm),
    /// The input as it is: additions and activations that nothing could take in.
    Identity,
    Concat,
    /// Channels from `start` on.
    Slice {
        start: usize,
    },
    MaxPool(Windows),
    AveragePool(Windows),
    GlobalAveragePool,
    /// `[h][w][n][c]` to vectors with channels outermost.
    Flatten,
    Shuffle {
        groups: usize,
    },
}

impl Operation {
    /// The kind of work, for profiles.
    pub fn kind(&self) -> &'static str {
        match self {
            Operation::Images { .. } | Operation::Normalise { .. } => "images",
            Operation::Convolution { .. } => "convolution",
            Operation::BatchNorm(_) => "batch norm",
            Operation::Identity => "addition, activation",
            Operation::MaxPool(_) | Operation::AveragePool(_) | Operation::GlobalAveragePool => "pooling",
            Operation::Concat | Operation::Slice { .. } | Operation::Flatten | Operation::Shuffle { .. } => "moving",
        }
    }
}

/// `output = activation(operation(inputs) + residual)`
pub struct Step {
    /// The layer, or the first of those that were fused.
    pub name: String,
    pub operation: Operation,
    pub inputs: Vec<ValueId>,
    pub residual: Option<ValueId>,
    pub activation: Activation,
    pub output: ValueId,
}

/// A compiled graph.
pub struct Plan {
    pub values: Vec<Value>,
    pub steps: Vec<Step>,
    pub features: ValueId,
    pub logits: ValueId,
    /// Wanted maps.
    pub stages: Vec<(String, ValueId)>,
}

impl Plan {
    /// Values that are read after a forward pass.
    pub fn outputs(&self) -> impl Iterator<Item = ValueId> + '_ {
        [self.features, self.logits].into_iter().chain(self.stages.iter().map(|(_, v)| *v))
    }
}

/// What a plan is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Batch norms use the batch's statistics, every value is kept for the backward pass.
    Training,
    /// Batch norms are folded into the convolutions before them, buffers are reused.
    Evaluation,
}
