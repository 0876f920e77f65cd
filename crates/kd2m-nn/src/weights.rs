//! Parameters and running statistics as named tensors in PyTorch's layout.

use std::collections::BTreeMap;

use crate::graph::NodeId;

/// What a tensor of a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Of a convolution or a linear layer.
    Weight,
    Bias,
    /// γ of a batch norm.
    Scale,
    /// β of a batch norm.
    Shift,
    RunningMean,
    RunningVariance,
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
    pub node: NodeId,
    pub shape: Vec<usize>,
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

/// A tensor on the host, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Tensors by key.
pub type Weights = BTreeMap<String, NamedTensor>;
