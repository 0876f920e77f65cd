//! A teacher of another program, `teacher.model = "onnx:FILE"`: its graph and weights, and how pixels reach it.

use std::path::Path;

use kd2m_data::{Dataset, Frame, Interpolation, Resize};
use kd2m_nn::{Graph, Shape, Weights, onnx};

use crate::{
    Error,
    preprocess::{Keys, Normalisation},
};

/// How ONNX files are named where a network of the zoo could stand.
pub const PREFIX: &str = "onnx:";

/// The file of `onnx:FILE`; none for a name of the zoo.
pub fn file(model: &str) -> Option<&Path> {
    model.strip_prefix(PREFIX).map(Path::new)
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

/// Reads it; `features` names the value that is its features.
///
/// # Errors
/// A file that cannot be a graph, or whose images are not those of the data.
pub fn open(path: &Path, features: Option<&str>, keys: &Keys, data: &Dataset) -> Result<Imported, Error> {
    let onnx::Model { graph, weights, metadata, notes } = onnx::open(path, features)?;
    let wrong = |why: String| Error::Key {
        key: "teacher.model".to_owned(),
        why: format!("= {PREFIX}{} {why}", path.display()),
    };
    // What kd2m wrote says how pixels are normalised even where that is not at all.
    let says_so = graph.normalises() || metadata.contains_key("kd2m");
    let numbers = keys.preset.is_some() || keys.mean.is_some() || keys.std.is_some();
    let (graph, eyes) = match (says_so, numbers) {
        (true, true) => {
            return Err(wrong(format!(
                "normalises pixels itself: leave {0}.preset, {0}.mean and {0}.std out",
                keys.section
            )));
        }
        (true, false) => {
            let (mean, std) = graph.normalisation();
            let frame = keys.size.frame(written(&metadata), [data.height, data.width]);
            let frame = frame
                .map_err(|why| Error::Key { key: format!("{}.resize", keys.section), why: format!("gives {why}") })?;
            let from = format!("{} itself", path.display());
            let eyes = Normalisation { mean: mean.to_vec(), std: std.to_vec(), from, frame };
            (graph, eyes)
        }
        (false, _) => {
            let eyes = Normalisation::resolve(keys, Some(path), data)?;
            (graph.with_normalisation(&eyes.mean, &eyes.std), eyes)
        }
    };
    let [channels, height, width] = eyes.shape([data.channels, data.height, data.width]);
    let seen = Shape::Map { channels, height, width };
    if graph.input_shape() != seen {
        let way = match graph.input_shape() {
            Shape::Map { height, width, .. } if data.name.starts_with("folder:") => {
                format!(": folder:PATH@{height}x{width} resizes them, {}.size for this network alone", keys.section)
            }
            Shape::Map { height, .. } => format!(": export it for these, or set {}.size = {height}", keys.section),
            _ => ": export it for these".to_owned(),
        };
        return Err(wrong(format!("sees images of {}, those of {} are {seen}{way}", graph.input_shape(), data.name)));
    }
    Ok(Imported { graph, weights, eyes, notes })
}
