//! Parameters and running statistics as named tensors in PyTorch's layout, and the files that hold them.
//!
//! [`load`] takes safetensors or PyTorch's checkpoints and fits them to a graph; [`write`](write()) makes safetensors that PyTorch opens.

mod archive;
mod called;
mod check;
mod choose;
mod error;
mod files;
mod finite;
mod fit;
pub mod hub;
mod likely;
mod names;
mod number;
mod opened;
mod place;
mod positions;
mod pytorch;
mod recognise;
mod safetensors;
mod slot;
mod source;
mod tensor;

use std::{collections::BTreeSet, io::Read, path::Path};

pub use check::{Mismatch, Problem, check};
use choose::{Candidate, Failure, choose, rank};
pub use choose::{Choice, Owner};
pub use error::WeightsError;
pub use finite::NotFinite;
use finite::not_finite;
use fit::{Fit, Needs};
use likely::likely;
pub(crate) use number::Number;
use opened::Opened;
use slot::Dict;
pub use source::Source;
pub use tensor::{NamedTensor, Precision, Weights};

pub use crate::parameter::{ParameterSpec, Role};
use crate::{files::write_whole, graph::Graph};

/// Weights as they were found for a graph.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// All tensors of the network.
    pub weights: Weights,
    /// What was taken, where more than one network of the file fits.
    pub choice: Option<Choice>,
    /// Where the network lies in the file, keys joined by dots (empty: at its root), and the tensors that lie beside it.
    pub place: String,
    /// Their names in the file.
    pub beside: Vec<String>,
    /// Tensors of the classifier that were not taken from the file.
    pub kept: Vec<String>,
    /// Positions that the file has of another number of patches, and that were interpolated.
    pub resized: Vec<String>,
}

/// The weights in a file, fitted to a graph. Of several networks that fit, the owner's name decides, then plain before averaged.
///
/// # Errors
/// A file that cannot be read, that is damaged, whose tensors are not those of the graph, or that holds numbers that are not finite.
pub fn load(source: &Source, graph: &Graph, owner: Owner) -> Result<Loaded, WeightsError> {
    let loaded = take(source, graph, owner, false)?;
    check_finite(&source.path, &loaded.weights)?;
    Ok(loaded)
}

/// Weights to start training from: those in a file, but for a classifier of other classes, which stays as it is in `initial`.
///
/// # Errors
/// As [`load`]; only the tensors of the classifier may be missing or of another shape.
pub fn load_start(source: &Source, graph: &Graph, owner: Owner, initial: &Weights) -> Result<Loaded, WeightsError> {
    let mut loaded = take(source, graph, owner, true)?;
    let weights = &mut loaded.weights;
    for spec in graph.parameters().into_iter().filter(|spec| spec.node == graph.logits()) {
        if weights.get(&spec.key).is_none_or(|found| found.shape != spec.shape) {
            weights.remove(&spec.key);
            weights.extend(initial.get(&spec.key).map(|tensor| (spec.key.clone(), tensor.clone())));
            loaded.kept.push(spec.key);
        }
    }
    check_finite(&source.path, &loaded.weights)?;
    Ok(loaded)
}

/// The weights in a file (`FILE` or `FILE#KEY`), fitted to a graph, whosever they are.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path, graph: &Graph) -> Result<Weights, WeightsError> {
    Ok(load(&Source::parse(path), graph, Owner::Any)?.weights)
}

/// The network that is asked for or fits, names as the graph has them; with `free` its classifier may be another.
fn take(source: &Source, graph: &Graph, owner: Owner, free: bool) -> Result<Loaded, WeightsError> {
    let path = source.file()?;
    let files = files::contents(&path)?;
    let opened = Opened::new(&files)?;
    let dicts = opened.dicts();
    let needs = Needs::new(graph, |spec| free && spec.node == graph.logits());
    let (fits, candidates) = candidates(&dicts, &needs);
    let (chosen, choice) = choose(&candidates, source.key.as_deref(), owner).map_err(|failure| match failure {
        Failure::NoKey => WeightsError::NoKey {
            path: path.clone(),
            key: source.key.clone().unwrap_or_default(),
            known: listed(candidates.iter().map(|candidate| &candidate.key)),
        },
        Failure::Unfit { nearest, mismatch, fits: others } => {
            let mismatch = Box::new(mismatch);
            let dict = &dicts[fits[nearest].0];
            let key = Some(candidates[nearest].key.clone()).filter(|key| !key.is_empty());
            let (file, name) = (Source { path: path.clone(), key }, graph.name.clone());
            match others.is_empty() {
                true => WeightsError::Unfit { file, graph: name, mismatch, likely: hint(&path, graph, dict) },
                false => WeightsError::OtherFits { file, graph: name, mismatch, fits: listed(others.iter()) },
            }
        }
    })?;
    let (dict, fit) = &fits[chosen];
    let wanted: BTreeSet<&str> = fit.names.values().map(String::as_str).collect();
    let mut found = opened
        .values(*dict, &|name| wanted.contains(name), needs.largest())
        .map_err(|reason| WeightsError::Malformed { path: path.clone(), reason })?;
    let mut weights: Weights =
        fit.names.iter().filter_map(|(key, name)| Some((key.clone(), found.remove(name)?))).collect();
    let mut resized = Vec::new();
    for (key, grid) in &needs.grids {
        let Some((tensor, name)) = weights.get_mut(key).zip(fit.names.get(key)) else { continue };
        if let Some(other) = grid.resized(tensor, name) {
            *tensor = other;
            resized.push(key.clone());
        }
    }
    let place = candidates[chosen].key.clone();
    Ok(Loaded { weights, choice, place, beside: fit.beside.clone(), kept: Vec::new(), resized })
}

/// The network wherever it may lie in these dictionaries.
fn candidates(dicts: &[Dict], needs: &Needs) -> (Vec<(usize, Fit)>, Vec<Candidate>) {
    let of =
        |(i, dict): (usize, &Dict)| needs.fits(&dict.slots).into_iter().map(move |fit| (i, fit)).collect::<Vec<_>>();
    let fits: Vec<(usize, Fit)> = dicts.iter().enumerate().flat_map(of).collect();
    let candidate = |(dict, fit): &(usize, Fit)| Candidate {
        key: place(&dicts[*dict].key, &fit.prefix),
        mismatch: fit.mismatch.clone(),
    };
    let candidates = fits.iter().map(candidate).collect();
    (fits, candidates)
}

/// How many classes the network in a file tells apart, where all of it but the classifier is the graph's; nothing where it fits as it is, or
/// not at all.
///
/// # Errors
/// A file that cannot be read or that is damaged.
pub fn other_classes(source: &Source, graph: &Graph, owner: Owner) -> Result<Option<usize>, WeightsError> {
    let files = files::contents(&source.file()?)?;
    let dicts = Opened::new(&files)?.dicts();
    let is_head = |spec: &ParameterSpec| spec.node == graph.logits();
    let chosen = |needs: &Needs| {
        let (mut fits, candidates) = candidates(&dicts, needs);
        choose(&candidates, source.key.as_deref(), owner).ok().map(|(i, _)| fits.swap_remove(i))
    };
    if chosen(&Needs::new(graph, |_| false)).is_some() {
        return Ok(None);
    }
    let Some((dict, fit)) = chosen(&Needs::new(graph, is_head)) else { return Ok(None) };
    let shape = |spec: &ParameterSpec| match dicts[dict].slots.get(fit.names.get(&spec.key)?)? {
        slot::Slot::Tensor(shape) if shape.len() == spec.shape.len() && shape[1..] == spec.shape[1..] => {
            shape.first().copied()
        }
        _ => None,
    };
    // Weight and bias have to agree.
    let counts: Vec<Option<usize>> = graph.parameters().iter().filter(|spec| is_head(spec)).map(shape).collect();
    let one = counts.first().copied().flatten();
    Ok(one.filter(|_| counts.iter().all(|count| *count == one)))
}

/// Keys and prefix that lead to a network, joined by dots; wrappers say nothing.
fn place(key: &str, prefix: &str) -> String {
    let words = key.split('.').chain(prefix.split('.'));
    let told =
        words.filter(|word| !word.is_empty() && !names::WRAPPERS.iter().any(|w| w.trim_end_matches('.') == *word));
    told.collect::<Vec<_>>().join(".")
}

fn hint(path: &Path, graph: &Graph, dict: &Dict) -> Option<String> {
    match files::is_shard(path) {
        true => Some("it is one of several shards: name their folder or the .index.json instead".to_owned()),
        false => likely(graph, &dict.slots),
    }
}

fn listed<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    let name = |key: &String| if key.is_empty() { "its root".to_owned() } else { format!("`{key}`") };
    keys.map(name).collect::<Vec<_>>().join(", ")
}

/// Refuses NaN and infinities in parameters and running statistics.
///
/// # Errors
/// [`WeightsError::NotFinite`] with the first tensor that holds some.
pub fn check_finite(path: &Path, weights: &Weights) -> Result<(), WeightsError> {
    not_finite(weights).map_or(Ok(()), |found| Err(WeightsError::NotFinite { path: path.to_owned(), found }))
}

/// The files that hold the weights which are named: one, or the shards of an index.
///
/// # Errors
/// A folder without weights or with several, files that cannot be read.
pub fn files(source: &Source) -> Result<Vec<std::path::PathBuf>, WeightsError> {
    Ok(files::contents(&source.file()?)?.into_iter().map(|(path, _)| path).collect())
}

/// Every floating-point tensor in a file as f32, whatever network it belongs to.
///
/// Safetensors, or a state dict that `torch.save` wrote, alone or within a checkpoint (the largest, plain before averaged);
/// prefixes of `DataParallel` are taken off. Nothing in a checkpoint is executed.
///
/// # Errors
/// A file that cannot be read or that is damaged.
pub fn read_any(path: &Path) -> Result<Weights, WeightsError> {
    /// Numbers of a tensor that is expanded from fewer.
    const MOST: usize = 1 << 20;
    let files = files::contents(path)?;
    let opened = Opened::new(&files)?;
    let dicts = opened.dicts();
    let order = |i: &usize| (rank(&dicts[*i].key, Owner::Any), std::cmp::Reverse(dicts[*i].slots.len()));
    let index = (0..dicts.len()).min_by_key(order).unwrap_or(0);
    let malformed = |reason| WeightsError::Malformed { path: path.to_owned(), reason };
    let weights = opened.values(index, &|_| true, MOST).map_err(malformed)?;
    let other =
        || dicts.get(index)?.slots.iter().find_map(|(name, slot)| slot.other().map(|what| format!("{name} {what}")));
    match weights.is_empty().then(other).flatten() {
        Some(what) => Err(malformed(what)),
        None => Ok(unwrapped(weights)),
    }
}

/// The same tensors without wrappers' prefixes, as long as all names carry one.
fn unwrapped(mut weights: Weights) -> Weights {
    let carried = |weights: &Weights| {
        names::WRAPPERS.into_iter().find(|p| !weights.is_empty() && weights.keys().all(|key| key.starts_with(p)))
    };
    while let Some(prefix) = carried(&weights) {
        weights = weights.into_iter().map(|(key, tensor)| (key[prefix.len()..].to_owned(), tensor)).collect();
    }
    weights
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
    write_as(path, weights, metadata, Precision::Single)
}

/// The same with numbers of this precision.
///
/// # Errors
/// Those of [`write`](write()); [`WeightsError::TooLarge`] for a number beyond a half's range.
pub fn write_as(
    path: &Path,
    weights: &Weights,
    metadata: Option<&str>,
    precision: Precision,
) -> Result<(), WeightsError> {
    let to_error = |source| WeightsError::Write { path: path.to_owned(), source };
    if precision == Precision::Half {
        let is_beyond = |value: &&f32| half::f16::from_f32(**value).is_infinite() && value.is_finite();
        let beyond = weights.iter().find_map(|(name, tensor)| Some((name, *tensor.values.iter().find(is_beyond)?)));
        if let Some((name, value)) = beyond {
            return Err(WeightsError::TooLarge { path: path.to_owned(), tensor: name.clone(), value });
        }
    }
    let bytes = safetensors::encode(weights, metadata, precision).map_err(std::io::Error::other).map_err(to_error)?;
    write_whole(path, &bytes).map_err(to_error)
}

/// The bytes of such a file.
///
/// # Errors
/// Tensors whose values are not as many as their shape says.
pub fn to_bytes(weights: &Weights, metadata: Option<&str>) -> std::io::Result<Vec<u8>> {
    safetensors::encode(weights, metadata, Precision::Single).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_without_wrappers() {
        for (key, prefix, right) in [
            ("", "", ""),
            ("", "module.", ""),
            ("state_dict", "model.module._orig_mod.", "state_dict.model"),
            ("nets.teacher", "", "nets.teacher"),
            ("", "net_", "net_"),
        ] {
            assert_eq!(place(key, prefix), right);
        }
    }

    #[test]
    fn wrappers_are_taken_off_only_where_all_names_carry_them() {
        let tensor = NamedTensor { shape: vec![0], values: Vec::new() };
        let names = |names: &[&str]| {
            let weights: Weights = names.iter().map(|name| ((*name).to_owned(), tensor.clone())).collect();
            unwrapped(weights).into_keys().collect::<Vec<_>>()
        };
        assert_eq!(names(&["module._orig_mod.a", "module._orig_mod.b"]), ["a", "b"]);
        assert_eq!(names(&["module.a", "b"]), ["b", "module.a"]);
    }

    #[test]
    fn what_a_half_does_not_hold_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let tensor = |values: &[f32]| NamedTensor { shape: vec![values.len()], values: values.to_vec() };
        let mut weights = Weights::from([("a".to_owned(), tensor(&[1.0])), ("b".to_owned(), tensor(&[0.0, -65520.0]))]);
        let error = write_as(&path, &weights, None, Precision::Half).unwrap_err().to_string();
        assert!(error.contains("b holds -65520, beyond ±65504"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // The largest that is rounded to one.
        weights.insert("b".to_owned(), tensor(&[0.0, -65519.0]));
        write_as(&path, &weights, None, Precision::Half).unwrap();
        assert_eq!(read_any(&path).unwrap()["b"].values, [0.0, -65504.0]);
    }

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
