//! ONNX files (opset 17) out of a graph with its weights, and back into them.
//!
//! What ONNX calls an operator and a graph does not have is an error that names it, and so is an attribute that nobody asked for.
//! `import.rs` walks, `normalisation.rs` and `fold.rs` bring what several programs write in several ways into one form, `operators.rs`,
//! `window.rs` and `reshape.rs` say what each operator is. Initialisation is not part of ONNX: imported
//! layers carry PyTorch's default. Stages are kept in the file's metadata under `kd2m.stages`.

mod attributes;
mod export;
mod fold;
mod import;
mod normalisation;
mod operators;
mod proto;
mod reshape;
mod tensor;
#[cfg(test)]
mod tests;
mod window;

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{
    files::write_whole,
    graph::{Graph, GraphError},
    weights::{Mismatch, Weights},
};

/// Names of a file's input and outputs.
const IMAGES: &str = "images";
const FEATURES: &str = "features";
const LOGITS: &str = "logits";
/// Key of the metadata entry that lists the stages.
const STAGES: &str = "kd2m.stages";

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
    fn operator(node: &proto::NodeProto, reason: String) -> Self {
        let name = if node.name.is_empty() { node.output.join(", ") } else { node.name.clone() };
        Self::Operator { operator: node.op_type.clone(), node: name, reason }
    }
}

/// Writes a graph and its weights; input `images` `[n, c, h, w]`, pixels in 0…1, outputs `features` and `logits`.
///
/// # Errors
/// Weights that are not the graph's, a file that cannot be written.
pub fn write(path: &Path, graph: &Graph, weights: &Weights) -> Result<(), OnnxError> {
    let bytes = encode(graph, weights)?;
    write_whole(path, &bytes).map_err(|source| OnnxError::Write { path: path.to_owned(), source })
}

/// The graph and weights in a file.
///
/// Logits are the output of that name, or the first; features the output of that name, or what the last linear layer reads.
///
/// # Errors
/// A file that cannot be read, that is no ONNX model, or that uses what a graph does not have.
pub fn read(path: &Path) -> Result<(Graph, Weights), OnnxError> {
    let bytes = std::fs::read(path).map_err(|source| OnnxError::Read { path: path.to_owned(), source })?;
    decode(&bytes)
}

/// The bytes of an ONNX file.
///
/// # Errors
/// Weights that are not the graph's.
pub fn encode(graph: &Graph, weights: &Weights) -> Result<Vec<u8>, OnnxError> {
    crate::weights::check(graph, weights)
        .map_err(|mismatch| OnnxError::Weights { graph: graph.name.clone(), mismatch })?;
    Ok(prost::Message::encode_to_vec(&export::model(graph, weights)))
}

/// Graph and weights from the bytes of an ONNX file.
///
/// # Errors
/// As [`read`].
pub fn decode(bytes: &[u8]) -> Result<(Graph, Weights), OnnxError> {
    let model: proto::Model = prost::Message::decode(bytes).map_err(|e| OnnxError::Malformed(e.to_string()))?;
    import::model(model)
}
