//! A teacher of another program, `teacher.model = "onnx:FILE"`: its graph and weights, and how pixels reach it.

#[cfg(feature = "runtime")]
use std::sync::Arc;
use std::{collections::BTreeMap, path::Path};

use kd2m_data::{Dataset, Frame, Interpolation, Resize};
#[cfg(feature = "runtime")]
use kd2m_nn::onnx::OnnxError;
use kd2m_nn::{Graph, Shape, Weights, onnx};

use crate::{
    Error,
    preprocess::{Keys, Normalisation},
};
#[cfg(feature = "runtime")]
use crate::{
    engine::runtime::Runtime,
    frozen::{Member, Network},
    sums,
};

/// How ONNX files are named where a network of the zoo could stand.
pub const PREFIX: &str = "onnx:";

/// The file of `onnx:FILE`; none for a name of the zoo.
pub fn file(model: &str) -> Option<&Path> {
    model.strip_prefix(PREFIX).map(Path::new)
}

/// The values of a file that a configuration names.
pub struct Named<'a> {
    /// One vector an image.
    pub features: Option<&'a str>,
    /// Maps by the names of stages.
    pub stages: &'a BTreeMap<String, String>,
}

/// A network from an ONNX file that suits a data set.
pub struct Imported {
    /// The network, which begins with its eyes.
    pub graph: Graph,
    /// Its parameters.
    pub weights: Weights,
    /// How pixels become its input.
    pub eyes: Normalisation,
    /// What a person should know of how it was read, a sentence each.
    pub notes: Vec<String>,
    /// What its classes are called, as an export of kd2m says; empty where nothing does.
    pub class_names: Vec<String>,
}

/// How images come to its size, as an export of kd2m says.
pub(crate) fn written(metadata: &onnx::Metadata) -> Option<Frame> {
    let (height, width) = metadata.get("crop")?.split_once('x')?;
    let crop = [height.parse().ok()?, width.parse().ok()?];
    let bicubic = metadata.get("interpolation").is_some_and(|name| name == Interpolation::Bicubic.name());
    let interpolation = if bicubic { Interpolation::Bicubic } else { Interpolation::Bilinear };
    match metadata.get("resize")?.parse() {
        Ok(side) => Some(Frame { resize: Resize::Shorter(side), crop: Some(crop), interpolation }),
        Err(_) => None,
    }
}

/// What its classes are called, as an export of kd2m says.
pub(crate) fn class_names(metadata: &onnx::Metadata, classes: usize) -> Vec<String> {
    let names = metadata.get("classes").and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    names.filter(|names| names.len() == classes).unwrap_or_default()
}

/// Reads it; `named` says which of its values are features and stages.
///
/// # Errors
/// A file that cannot be a graph, or whose images are not those of the data.
pub fn open(path: &Path, named: &Named, keys: &Keys, data: &Dataset) -> Result<Imported, Error> {
    let onnx::Model { graph, weights, metadata, notes } = onnx::open_with_stages(path, named.features, named.stages)?;
    // What kd2m wrote says how pixels are normalised even where that is not at all.
    let says_so = graph.normalises() || metadata.contains_key("kd2m");
    let own = says_so.then(|| graph.normalisation());
    let eyes = eyes(path, own, &metadata, keys, data)?;
    let graph = if says_so { graph } else { graph.with_normalisation(&eyes.mean, &eyes.std) };
    check_size(path, graph.input_shape(), &eyes, keys, data)?;
    let class_names = class_names(&metadata, graph.classes());
    Ok(Imported { graph, weights, eyes, notes, class_names })
}

/// A model that is no graph, as `why` says, in the runtime.
///
/// # Errors
/// A model that the runtime cannot run either, with both reasons.
#[cfg(feature = "runtime")]
pub(crate) fn runtime(path: &Path, features: Option<&str>, why: &OnnxError) -> Result<Runtime, Error> {
    Runtime::open(path, features).map_err(|error| match error {
        Error::Runtime { path, why: told } => Error::Runtime { path, why: format!("{told}; nor is it a graph: {why}") },
        other => other,
    })
}

/// The same where it is no graph, as `why` says: a model that the runtime runs.
///
/// # Errors
/// A model that the runtime cannot run either, or whose images are not those of the data.
#[cfg(feature = "runtime")]
pub fn open_frozen(
    path: &Path,
    features: Option<&str>,
    keys: &Keys,
    data: &Dataset,
    why: &OnnxError,
) -> Result<Member, Error> {
    let runtime = runtime(path, features, why)?;
    let [mean, std] = &runtime.interface.normalisation;
    let normalises = mean.iter().any(|m| *m != 0.0) || std.iter().any(|s| *s != 1.0);
    let own = normalises.then_some((&mean[..], &std[..]));
    let eyes = eyes(path, own, &onnx::Metadata::new(), keys, data)?;
    let [channels, height, width] = runtime.interface.shape;
    check_size(path, Shape::Map { channels, height, width }, &eyes, keys, data)?;
    let before = match normalises {
        true => [vec![0.0; channels], vec![1.0; channels]],
        false => [eyes.mean.clone(), eyes.std.clone()],
    };
    let sum = sums::of_files(&onnx::files(path)?)?;
    let notes = vec![format!("is run as it is by the ONNX runtime, its features are {}", runtime.interface.features)];
    Ok(Member { name: name(path), eyes, sum, notes, network: Network::Runtime(Arc::new(runtime), before) })
}

/// What a file is called in results.
pub fn name(path: &Path) -> String {
    format!("{PREFIX}{}", path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

fn wrong(path: &Path, why: &str) -> Error {
    Error::Key { key: "teacher.model".to_owned(), why: format!("= {PREFIX}{} {why}", path.display()) }
}

/// How pixels become its input; `own`: mean and deviation by which it normalises them itself.
fn eyes(
    path: &Path,
    own: Option<(&[f32], &[f32])>,
    metadata: &onnx::Metadata,
    keys: &Keys,
    data: &Dataset,
) -> Result<Normalisation, Error> {
    let Some((mean, std)) = own else { return Normalisation::resolve(keys, Some(path), data) };
    if keys.preset.is_some() || keys.mean.is_some() || keys.std.is_some() {
        let why = format!("normalises pixels itself: leave {0}.preset, {0}.mean and {0}.std out", keys.section);
        return Err(wrong(path, &why));
    }
    let frame = keys.size.frame(written(metadata), [data.height, data.width]);
    let frame =
        frame.map_err(|why| Error::Key { key: format!("{}.resize", keys.section), why: format!("gives {why}") })?;
    let from = format!("{} itself", path.display());
    Ok(Normalisation { mean: mean.to_vec(), std: std.to_vec(), from, frame })
}

/// Whether it sees images of the size that its eyes give.
fn check_size(path: &Path, takes: Shape, eyes: &Normalisation, keys: &Keys, data: &Dataset) -> Result<(), Error> {
    let [channels, height, width] = eyes.shape([data.channels, data.height, data.width]);
    let seen = Shape::Map { channels, height, width };
    if takes == seen {
        return Ok(());
    }
    let way = match takes {
        Shape::Map { height, width, .. } if data.name.starts_with("folder:") => {
            format!(": folder:PATH@{height}x{width} resizes them, {}.size for this network alone", keys.section)
        }
        Shape::Map { height, .. } => format!(": export it for these, or set {}.size = {height}", keys.section),
        _ => ": export it for these".to_owned(),
    };
    Err(wrong(path, &format!("sees images of {takes}, those of {} are {seen}{way}", data.name)))
}
