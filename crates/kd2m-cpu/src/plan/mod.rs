//! A graph as a list of fused steps over values: what an engine runs.
//!
//! [`fuse`] makes the steps, [`slots`] says which buffer each value and each gradient lives in, [`mod@singly`] which steps of an
//! evaluation run sample by sample. Sizes are for one sample, so one plan serves every batch size.

mod backward;
mod fuse;
mod singly;
mod slots;

pub use backward::{BackwardStep, GradientTarget, backward};
pub use fuse::{Compiler, Pending, Place, compile};
#[cfg(test)]
pub use singly::before;
pub use singly::{Singly, singly};
pub use slots::forward_slots;

use crate::{epilogue::Activation, layout::Extent, op::Op};

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

/// `output = activation(op(inputs) + residual)`
pub struct Step {
    /// The layer, or the first of those that were fused.
    pub name: String,
    pub op: Box<dyn Op>,
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
