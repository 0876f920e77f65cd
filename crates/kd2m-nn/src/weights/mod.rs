//! Parameters and running statistics as named tensors in PyTorch's layout, and the files that hold them.
//!
//! [`read`] takes safetensors or PyTorch's checkpoints and fits them to a graph; [`write`](write()) makes safetensors that PyTorch opens.

mod check;
mod keys;
mod number;
mod pickle;
mod pytorch;
mod safetensors;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use thiserror::Error;

pub use check::{Mismatch, Problem, check};
pub(crate) use number::Number;

use crate::{
    files::write_whole,
    graph::{Graph, NodeId},
};

/// What a tensor of a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Why a weights file cannot be used.
#[derive(Debug, Error)]
pub enum WeightsError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{} is not a readable weights file: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("{} does not fit {graph}: {mismatch}", path.display())]
    Unfit { path: PathBuf, graph: String, mismatch: Mismatch },
}

/// The weights in a file, fitted to a graph.
///
/// # Errors
/// A file that cannot be read, that is damaged, or whose tensors are not those of the graph.
pub fn read(path: &Path, graph: &Graph) -> Result<Weights, WeightsError> {
    fit(path, graph, keys::adopt(read_any(path)?, graph))
}

/// Weights to start training from: those in a file, but for a classifier of other classes, which stays as it is in `initial`.
///
/// Also returns the keys that were not taken from the file.
///
/// # Errors
/// As [`read`]; only the tensors of the classifier may be missing or of another shape.
pub fn read_start(path: &Path, graph: &Graph, initial: &Weights) -> Result<(Weights, Vec<String>), WeightsError> {
    let mut weights = keys::adopt(read_any(path)?, graph);
    let mut kept = Vec::new();
    for spec in graph.parameters().into_iter().filter(|spec| spec.node == graph.logits()) {
        if weights.get(&spec.key).is_none_or(|found| found.shape != spec.shape) {
            weights.remove(&spec.key);
            weights.extend(initial.get(&spec.key).map(|tensor| (spec.key.clone(), tensor.clone())));
            kept.push(spec.key);
        }
    }
    fit(path, graph, weights).map(|weights| (weights, kept))
}

fn fit(path: &Path, graph: &Graph, weights: Weights) -> Result<Weights, WeightsError> {
    match check(graph, &weights) {
        Ok(()) => Ok(weights),
        Err(mismatch) => Err(WeightsError::Unfit { path: path.to_owned(), graph: graph.name.clone(), mismatch }),
    }
}

/// Every floating-point tensor in a file as f32, whatever network it belongs to.
///
/// Safetensors, or a state dict that `torch.save` wrote, alone or as `model` or `state_dict` of a checkpoint; prefixes of
/// `DataParallel` are taken off. Nothing in a checkpoint is executed.
///
/// # Errors
/// A file that cannot be read or that is damaged.
pub fn read_any(path: &Path) -> Result<Weights, WeightsError> {
    let bytes = std::fs::read(path).map_err(|source| WeightsError::Read { path: path.to_owned(), source })?;
    let decode = if pytorch::recognises(&bytes) { pytorch::decode } else { safetensors::decode };
    decode(&bytes).map(keys::unwrap).map_err(|reason| WeightsError::Malformed { path: path.to_owned(), reason })
}

/// Writes safetensors under a temporary name and renames it, so that a reader never sees half a file.
///
/// `metadata` becomes the header's only extra entry, `kd2m`; equal weights and metadata make equal bytes.
///
/// # Errors
/// The folder is missing or not writable, the disk is full.
pub fn write(path: &Path, weights: &Weights, metadata: Option<&str>) -> Result<(), WeightsError> {
    let to_error = |source| WeightsError::Write { path: path.to_owned(), source };
    let bytes = safetensors::encode(weights, metadata).map_err(|e| to_error(std::io::Error::other(e)))?;
    write_whole(path, &bytes).map_err(to_error)
}
