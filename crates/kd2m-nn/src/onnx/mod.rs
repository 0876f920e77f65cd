//! ONNX files (opset 17) out of a graph with its weights, and back into them.
//!
//! What ONNX calls an operator and a graph does not have is an error that names it, and so is an attribute that nobody asked for.
//! `import.rs` walks, `normalisation.rs` and `fold.rs` bring what several programs write in several ways into one form; what each operator
//! is stands with the layer (`layer/`), and for those that only lay values out in `reshape.rs`. Initialisation is not part of ONNX: imported
//! layers carry PyTorch's default. Stages are kept in the file's metadata under `kd2m.stages`.

pub(crate) mod attributes;
mod error;
mod export;
mod fold;
mod import;
mod names;
mod normalisation;
pub(crate) mod operator;
mod operators;
pub(crate) mod proto;
mod reshape;
mod sizes;
mod tensor;
#[cfg(test)]
mod tests;
pub(crate) mod values;
pub(crate) mod window;
pub(crate) mod writer;

use std::path::Path;

pub use error::OnnxError;
pub use names::Metadata;

use crate::{files::write_whole, graph::Graph, weights::Weights};

/// Writes a graph and its weights; input `images` `[n, c, h, w]`, pixels in 0…1, outputs `features` and `logits`.
///
/// # Errors
/// Weights that are not the graph's, a file that cannot be written.
pub fn write(path: &Path, graph: &Graph, weights: &Weights, metadata: &Metadata) -> Result<(), OnnxError> {
    let bytes = encode_with(graph, weights, metadata)?;
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
    decode(&bytes).map_err(|source| OnnxError::File { path: path.to_owned(), source: Box::new(source) })
}

/// The bytes of an ONNX file.
///
/// # Errors
/// Weights that are not the graph's.
pub fn encode(graph: &Graph, weights: &Weights) -> Result<Vec<u8>, OnnxError> {
    encode_with(graph, weights, &Metadata::new())
}

fn encode_with(graph: &Graph, weights: &Weights, metadata: &Metadata) -> Result<Vec<u8>, OnnxError> {
    crate::weights::check(graph, weights)
        .map_err(|mismatch| OnnxError::Weights { graph: graph.name.clone(), mismatch })?;
    Ok(prost::Message::encode_to_vec(&export::model(graph, weights, metadata)))
}

/// What a file says beside its graph, e.g. the names of the classes in one of `kd2m export`.
///
/// # Errors
/// A file that cannot be read or that is no ONNX model.
pub fn metadata(path: &Path) -> Result<Metadata, OnnxError> {
    let bytes = std::fs::read(path).map_err(|source| OnnxError::Read { path: path.to_owned(), source })?;
    let malformed = |e: prost::DecodeError| OnnxError::File {
        path: path.to_owned(),
        source: Box::new(OnnxError::Malformed(e.to_string())),
    };
    let model: proto::Model = prost::Message::decode(&bytes[..]).map_err(malformed)?;
    Ok(model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect())
}

/// Graph and weights from the bytes of an ONNX file.
///
/// # Errors
/// As [`read`].
pub fn decode(bytes: &[u8]) -> Result<(Graph, Weights), OnnxError> {
    let model: proto::Model = prost::Message::decode(bytes).map_err(|e| OnnxError::Malformed(e.to_string()))?;
    import::model(model)
}
