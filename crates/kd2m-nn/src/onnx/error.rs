//! Why an ONNX file cannot be written or used.

use std::path::PathBuf;

use thiserror::Error;

use super::proto;
use crate::{graph::GraphError, weights::Mismatch};

/// Why an ONNX file cannot be written or used.
#[derive(Debug, Error)]
pub enum OnnxError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("this is not an ONNX model: {0}")]
    Malformed(String),
    /// A model, but not one that a graph can be.
    #[error("the ONNX model cannot be used: {0}")]
    Unsuitable(String),
    #[error("operator {operator} of {node}: {reason}")]
    Operator { operator: String, node: String, reason: String },
    #[error("the model's graph: {0}")]
    Graph(#[from] GraphError),
    #[error("the weights do not fit {graph}: {mismatch}")]
    Weights { graph: String, mismatch: Mismatch },
}

impl OnnxError {
    /// What an operator asks for and a graph does not have.
    pub(super) fn operator(node: &proto::NodeProto, reason: String) -> Self {
        let name = if node.name.is_empty() { node.output.join(", ") } else { node.name.clone() };
        Self::Operator { operator: node.op_type.clone(), node: name, reason }
    }
}
