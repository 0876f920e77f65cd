//! Why an ONNX file cannot be written or used.

use std::path::PathBuf;

use thiserror::Error;

use super::proto;
use crate::{graph::GraphError, weights::Mismatch};

/// Why an ONNX file cannot be written or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// No file, or one that may not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder that is not there, a full disk.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is wrong with a file that was read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<OnnxError>,
    },
    /// Bytes that are no ONNX model.
    #[error("this is not an ONNX model: {0}")]
    Malformed(String),
    /// A model, but not one that a graph can be.
    #[error("the ONNX model cannot be used: {0}")]
    Unsuitable(String),
    /// A model whose features are not told: its logits come from no linear layer.
    #[error(
        "the ONNX model cannot be used: it has no classifier: no linear layer gives {logits} and no output is called features; name the \
         value that is the features ({candidates})"
    )]
    NoClassifier {
        /// The output that is the logits.
        logits: String,
        /// The values that can be features.
        candidates: String,
    },
    /// An operator, or a setting of one, that no layer has.
    #[error("operator {operator} of {node}: {reason}")]
    Operator {
        /// ONNX's name of its kind.
        operator: String,
        /// Its name, or what it gives.
        node: String,
        /// What is wrong.
        reason: String,
    },
    /// Layers that do not fit each other.
    #[error("the model's graph: {0}")]
    Graph(#[from] GraphError),
    /// Weights that are not the graph's.
    #[error("the weights do not fit {graph}: {mismatch}")]
    Weights {
        /// The network.
        graph: String,
        /// The tensors that do not fit.
        mismatch: Mismatch,
    },
}

impl OnnxError {
    /// Whether the model is one, with an operator or a setting that no layer has: a runtime may know it.
    pub fn is_operator(&self) -> bool {
        match self {
            Self::File { source, .. } => source.is_operator(),
            Self::Operator { .. } | Self::Graph(_) => true,
            _ => false,
        }
    }

    /// Whether it is an operator that is refused for this reason.
    pub(super) fn is_because(&self, why: &str) -> bool {
        matches!(self, Self::Operator { reason, .. } if reason == why)
    }

    /// The logits of a model whose features are not told.
    pub fn without_classifier(&self) -> Option<&str> {
        match self {
            Self::File { source, .. } => source.without_classifier(),
            Self::NoClassifier { logits, .. } => Some(logits),
            _ => None,
        }
    }

    /// What an operator asks for and a graph does not have.
    pub(super) fn operator(node: &proto::NodeProto, reason: String) -> Self {
        let name = if node.name.is_empty() { node.output.join(", ") } else { node.name.clone() };
        Self::Operator { operator: node.op_type.clone(), node: name, reason }
    }
}
