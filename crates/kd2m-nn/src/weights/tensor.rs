//! Tensors by name, on the host.

use std::collections::BTreeMap;

/// A tensor on the host, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Tensors by key.
pub type Weights = BTreeMap<String, NamedTensor>;
