//! Parameters and running statistics as named tensors in PyTorch's layout, and the files that hold them.
//!
//! [`load`] takes safetensors or PyTorch's checkpoints and fits them to a graph; [`write`](write()) makes safetensors that PyTorch opens.

mod check;
mod choose;
mod error;
mod finite;
mod keys;
mod number;
mod pickle;
mod pytorch;
mod safetensors;
mod source;
mod tensor;

use std::{collections::BTreeMap, io::Read, path::Path};

use check::check_shapes;
pub use check::{Mismatch, Problem, check};
use choose::{Candidate, Failure, choose, rank};
pub use choose::{Choice, Owner};
pub use error::WeightsError;
pub use finite::NotFinite;
use finite::not_finite;
pub(crate) use number::Number;
use pytorch::Checkpoint;
pub use source::Source;
pub use tensor::{NamedTensor, Weights};

pub use crate::parameter::{ParameterSpec, Role};
use crate::{files::write_whole, graph::Graph};

/// Weights as they were found for a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// All tensors of the network.
    pub weights: Weights,
    /// What was taken, where more than one state dict of the file fits.
    pub choice: Option<Choice>,
    /// Tensors of the classifier that were not taken from the file.
    pub kept: Vec<String>,
}

/// The weights in a file, fitted to a graph. Of several state dicts that fit, the owner's name decides, then plain before averaged.
///
/// # Errors
/// A file that cannot be read, that is damaged, whose tensors are not those of the graph, or that holds numbers that are not finite.
pub fn load(source: &Source, graph: &Graph, owner: Owner) -> Result<Loaded, WeightsError> {
    let (weights, choice) = take(source, graph, owner, |shapes| check_shapes(graph, &shapes))?;
    check_finite(&source.path, &weights)?;
    Ok(Loaded { weights, choice, kept: Vec::new() })
}

/// Weights to start training from: those in a file, but for a classifier of other classes, which stays as it is in `initial`.
///
/// # Errors
/// As [`load`]; only the tensors of the classifier may be missing or of another shape.
pub fn load_start(source: &Source, graph: &Graph, owner: Owner, initial: &Weights) -> Result<Loaded, WeightsError> {
    let classifier: Vec<ParameterSpec> =
        graph.parameters().into_iter().filter(|spec| spec.node == graph.logits()).collect();
    let fit = |mut shapes: BTreeMap<String, Vec<usize>>| {
        shapes.extend(classifier.iter().map(|spec| (spec.key.clone(), spec.shape.clone())));
        check_shapes(graph, &shapes)
    };
    let (mut weights, choice) = take(source, graph, owner, fit)?;
    let mut kept = Vec::new();
    for spec in classifier {
        if weights.get(&spec.key).is_none_or(|found| found.shape != spec.shape) {
            weights.remove(&spec.key);
            weights.extend(initial.get(&spec.key).map(|tensor| (spec.key.clone(), tensor.clone())));
            kept.push(spec.key);
        }
    }
    check_finite(&source.path, &weights)?;
    Ok(Loaded { weights, choice, kept })
}

/// The weights in a file (`FILE` or `FILE#KEY`), fitted to a graph, whosever they are.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path, graph: &Graph) -> Result<Weights, WeightsError> {
    Ok(load(&Source::parse(path), graph, Owner::Any)?.weights)
}

/// The state dict that is asked for or fits, names as the graph has them.
fn take(
    source: &Source,
    graph: &Graph,
    owner: Owner,
    fit: impl Fn(BTreeMap<String, Vec<usize>>) -> Result<(), Mismatch>,
) -> Result<(Weights, Option<Choice>), WeightsError> {
    let path = &source.path;
    let malformed = |reason| WeightsError::Malformed { path: path.clone(), reason };
    let bytes = bytes_of(path)?;
    let opened = Opened::new(&bytes).map_err(malformed)?;
    let candidates = opened.candidates();
    let fit = |shapes: &BTreeMap<String, Vec<usize>>| fit(keys::adopt(keys::unwrap(shapes.clone()), graph));
    let (index, choice) = choose(&candidates, source.key.as_deref(), owner, fit).map_err(|failure| match failure {
        Failure::Broken(reason) => malformed(reason),
        Failure::NoKey => WeightsError::NoKey {
            path: path.clone(),
            key: source.key.clone().unwrap_or_default(),
            known: listed(candidates.iter().map(|(key, _)| key)),
        },
        Failure::Unfit { key, mismatch, fits } => {
            let file = Source { path: path.clone(), key: Some(key).filter(|key| !key.is_empty()) };
            let graph = graph.name.clone();
            match fits.is_empty() {
                true => WeightsError::Unfit { file, graph, mismatch },
                false => WeightsError::OtherFits { file, graph, mismatch, fits: listed(fits.iter()) },
            }
        }
    })?;
    let weights = opened.values(index).map_err(malformed)?;
    Ok((keys::adopt(keys::unwrap(weights), graph), choice))
}

fn listed<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    let name = |key: &String| if key.is_empty() { "its root".to_owned() } else { format!("`{key}`") };
    keys.map(name).collect::<Vec<_>>().join(", ")
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, WeightsError> {
    std::fs::read(path).map_err(|source| WeightsError::Read { path: path.to_owned(), source })
}

/// What a file holds.
enum Opened<'a> {
    Flat(Weights),
    Checkpoint(Checkpoint<'a>),
}

impl<'a> Opened<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, String> {
        match pytorch::recognises(bytes) {
            true => Checkpoint::open(bytes).map(Self::Checkpoint),
            false => safetensors::decode(bytes).map(Self::Flat),
        }
    }

    fn candidates(&self) -> Vec<Candidate> {
        match self {
            Self::Flat(weights) => {
                let shapes = weights.iter().map(|(key, tensor)| (key.clone(), tensor.shape.clone())).collect();
                vec![(String::new(), Ok(shapes))]
            }
            Self::Checkpoint(file) => file.dicts.iter().map(|dict| (dict.key.clone(), dict.shapes())).collect(),
        }
    }

    fn values(self, index: usize) -> Result<Weights, String> {
        match self {
            Self::Flat(weights) => Ok(weights),
            Self::Checkpoint(file) => file.values(index),
        }
    }
}

/// Refuses NaN and infinities in parameters and running statistics.
///
/// # Errors
/// [`WeightsError::NotFinite`] with the first tensor that holds some.
pub fn check_finite(path: &Path, weights: &Weights) -> Result<(), WeightsError> {
    not_finite(weights).map_or(Ok(()), |found| Err(WeightsError::NotFinite { path: path.to_owned(), found }))
}

/// Every floating-point tensor in a file as f32, whatever network it belongs to.
///
/// Safetensors, or a state dict that `torch.save` wrote, alone or within a checkpoint (the largest, plain before averaged);
/// prefixes of `DataParallel` are taken off. Nothing in a checkpoint is executed.
///
/// # Errors
/// A file that cannot be read or that is damaged.
pub fn read_any(path: &Path) -> Result<Weights, WeightsError> {
    let bytes = bytes_of(path)?;
    let largest = |opened: Opened| {
        let candidates = opened.candidates();
        let order = |i: &usize| {
            let (key, shapes) = &candidates[*i];
            (rank(key, Owner::Any), std::cmp::Reverse(shapes.as_ref().map_or(0, BTreeMap::len)))
        };
        let index = (0..candidates.len()).min_by_key(order).unwrap_or(0);
        opened.values(index).map(keys::unwrap)
    };
    Opened::new(&bytes).and_then(largest).map_err(|reason| WeightsError::Malformed { path: path.to_owned(), reason })
}

/// The text that [`write`](write()) put into a file's header; none in a file of another program or one that cannot be read.
pub fn metadata(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let whole = file.metadata().ok()?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    if length > whole {
        return None;
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).ok()?;
    safetensors::metadata(&header)
}

/// Writes safetensors under a temporary name and renames it, so that a reader never sees half a file.
///
/// `metadata` becomes the header's only extra entry, `kd2m`; equal weights and metadata make equal bytes.
///
/// # Errors
/// The folder is missing or not writable, the disk is full.
pub fn write(path: &Path, weights: &Weights, metadata: Option<&str>) -> Result<(), WeightsError> {
    let to_error = |source| WeightsError::Write { path: path.to_owned(), source };
    let bytes = to_bytes(weights, metadata).map_err(to_error)?;
    write_whole(path, &bytes).map_err(to_error)
}

/// The bytes of such a file.
///
/// # Errors
/// Tensors whose values are not as many as their shape says.
pub fn to_bytes(weights: &Weights, metadata: Option<&str>) -> std::io::Result<Vec<u8>> {
    safetensors::encode(weights, metadata).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_where_an_f32_is_not() {
        for count in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 24) + 1, (1 << 44) - 1] {
            assert_eq!(NamedTensor::of_count(count).count(), Some(count));
        }
        let single = |x| NamedTensor { shape: vec![1], values: vec![x] };
        assert_eq!(single(4096.0).count(), Some(4096));
        assert!([0.5, -1.0, f32::NAN, f32::INFINITY].iter().all(|x| single(*x).count().is_none()));
    }
}
