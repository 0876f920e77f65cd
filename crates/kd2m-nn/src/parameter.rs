//! What graphs and weights both speak of: a node, and the tensors that it needs.

use serde::{Deserialize, Serialize};

/// Index of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// What a tensor of a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Of a convolution or a linear layer.
    Weight,
    /// What a convolution or a linear layer adds.
    Bias,
    /// γ of a batch norm or a layer norm.
    Scale,
    /// β of a batch norm or a layer norm.
    Shift,
    /// Of a batch norm, for evaluation.
    RunningMean,
    /// The same; the unbiased variance.
    RunningVariance,
    /// A class token, positions.
    Embedding,
}

/// The name of a tensor that has its layer's own.
pub(crate) const OWN: &str = "";

/// The key of a layer's tensor: behind a dot, but as it is behind a name that ends in `_` (PyTorch's `in_proj_weight`).
pub(crate) fn key(layer: &str, tensor: &str) -> String {
    match tensor {
        OWN => layer.to_owned(),
        _ if layer.ends_with('_') => format!("{layer}{tensor}"),
        _ => format!("{layer}.{tensor}"),
    }
}

impl Role {
    /// Running statistics are state, not parameters.
    pub fn is_trained(self) -> bool {
        !matches!(self, Role::RunningMean | Role::RunningVariance)
    }
}

/// A tensor that a graph needs.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    /// PyTorch's key, e.g. `layer1.0.conv1.weight`.
    pub key: String,
    /// The layer that it belongs to.
    pub node: NodeId,
    /// PyTorch's.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

impl ParameterSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Never: no axis is zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
