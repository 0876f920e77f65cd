//! ONNX files (opset 17) out of a graph with its weights, and back into them.
//!
//! What ONNX calls an operator and a graph does not have is an error that names it, and so is an attribute that nobody asked for.
//! `import.rs` walks, `normalisation.rs` and `fold.rs` bring what several programs write in several ways into one form; what each operator
//! is stands with the layer (`layer/`), and for those that only lay values out in `reshape.rs`. Initialisation is not part of ONNX: imported
//! layers carry PyTorch's default. Stages are kept in the file's metadata under `kd2m.stages`.

mod affine;
pub(crate) mod attend;
pub(crate) mod attributes;
mod error;
mod evaluate;
mod export;
mod external;
mod fold;
mod import;
mod interface;
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

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use error::OnnxError;
pub use interface::{Interface, with_output};
pub use names::Metadata;
use prost::bytes::{Buf, Bytes};

use crate::{
    files::write_whole,
    graph::Graph,
    int8::{Int8, Steps},
    weights::Weights,
};

/// Writes a graph and its weights; input `images` `[n, c, h, w]`, pixels in 0…1, outputs `features` and `logits`.
///
/// # Errors
/// Weights that are not the graph's, a file that cannot be written.
pub fn write(path: &Path, graph: &Graph, weights: &Weights, metadata: &Metadata) -> Result<(), OnnxError> {
    let bytes = encode_with(graph, weights, &BTreeMap::new(), metadata)?;
    write_whole(path, &bytes).map_err(|source| OnnxError::Write { path: path.to_owned(), source })
}

/// Writes a quantised network: weights as integers of 8 bits, biases of 32, `QuantizeLinear` and `DequantizeLinear` around what is
/// computed with.
///
/// # Errors
/// As [`write`](write()).
pub fn write_int8(path: &Path, network: &Int8, metadata: &Metadata) -> Result<(), OnnxError> {
    let bytes = encode_with(&network.graph, &network.weights, &network.steps, metadata)?;
    write_whole(path, &bytes).map_err(|source| OnnxError::Write { path: path.to_owned(), source })
}

/// The graph and weights in a file, numbers in files beside it included.
///
/// Logits are the output of that name, or the first; features the output of that name, or what the last linear layer reads.
///
/// # Errors
/// A file that cannot be read, that is no ONNX model, or that uses what a graph does not have.
pub fn read(path: &Path) -> Result<(Graph, Weights), OnnxError> {
    let Model { graph, weights, .. } = open(path, None)?;
    Ok((graph, weights))
}

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Model {
    /// The network.
    pub graph: Graph,
    /// Its parameters.
    pub weights: Weights,
    /// What the file says beside its graph, e.g. the names of the classes in one of `kd2m export`.
    pub metadata: Metadata,
    /// What a person should know of how it was read, a sentence each.
    pub notes: Vec<String>,
}

/// All that a file holds; `features` names the value that is the features, one vector an image.
///
/// # Errors
/// As [`read`]; a value that is not there or is no vector, with those that could be named.
pub fn open(path: &Path, features: Option<&str>) -> Result<Model, OnnxError> {
    open_with_stages(path, features, &BTreeMap::new())
}

/// The same with stages: each a name and the value that is its map.
///
/// # Errors
/// As [`open`]; a value that is not there or is no map, with the last one of each size.
pub fn open_with_stages(
    path: &Path,
    features: Option<&str>,
    stages: &BTreeMap<String, String>,
) -> Result<Model, OnnxError> {
    let bytes = std::fs::read(path).map_err(|source| OnnxError::Read { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let opened = move || {
        let mut model = parse(Bytes::from(bytes))?;
        let metadata = model.metadata_props.clone();
        external::read(&mut model, folder)?;
        let import::Read { graph, weights, notes } = import::model(model, features, stages)?;
        let metadata = metadata.into_iter().map(|entry| (entry.key, entry.value)).collect();
        Ok(Model { graph, weights, metadata, notes })
    };
    opened().map_err(|source| OnnxError::File { path: path.to_owned(), source: Box::new(source) })
}

/// The files of a model: its own, then those beside it that hold numbers of it.
///
/// # Errors
/// A file that cannot be read or that is no ONNX model.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, OnnxError> {
    let bytes = std::fs::read(path).map_err(|source| OnnxError::Read { path: path.to_owned(), source })?;
    let mut model = parse(Bytes::from(bytes))
        .map_err(|source| OnnxError::File { path: path.to_owned(), source: Box::new(source) })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok([vec![path.to_owned()], external::files(&mut model, folder)].concat())
}

/// Of [`Bytes`] nothing is copied but what is small.
fn parse(bytes: impl Buf) -> Result<proto::Model, OnnxError> {
    prost::Message::decode(bytes).map_err(|e: prost::DecodeError| OnnxError::Malformed(e.to_string()))
}

/// The bytes of an ONNX file.
///
/// # Errors
/// Weights that are not the graph's.
pub fn encode(graph: &Graph, weights: &Weights) -> Result<Vec<u8>, OnnxError> {
    encode_with(graph, weights, &BTreeMap::new(), &Metadata::new())
}

fn encode_with(
    graph: &Graph,
    weights: &Weights,
    steps: &BTreeMap<String, Steps>,
    metadata: &Metadata,
) -> Result<Vec<u8>, OnnxError> {
    crate::weights::check(graph, weights)
        .map_err(|mismatch| OnnxError::Weights { graph: graph.name.clone(), mismatch })?;
    Ok(prost::Message::encode_to_vec(&export::model(graph, weights, steps, metadata)))
}

/// Graph and weights from the bytes of an ONNX file.
///
/// # Errors
/// As [`read`].
pub fn decode(bytes: &[u8]) -> Result<(Graph, Weights), OnnxError> {
    let import::Read { graph, weights, .. } = import::model(parse(bytes)?, None, &BTreeMap::new())?;
    Ok((graph, weights))
}
