//! One form or another, whole or not at all.

use std::path::Path;

use kd2m_nn::{
    onnx::{self, Metadata},
    weights::{self, Precision},
};

use super::{hub, view::View};
use crate::{Error, saved::Saved};

/// The form that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One file: normalisation inside, any number of images, names of classes and how images are resized in its metadata.
    Onnx,
    /// One file of weights with PyTorch's keys and layouts, its numbers of this precision.
    Safetensors(Precision),
    /// A folder: `config.json`, `model.safetensors` with numbers of this precision, `README.md`.
    Hub(Precision),
}

/// Writes a network, whole or not at all.
///
/// # Errors
/// A place that cannot be written; a folder that is there already; numbers beyond the range of half precision.
pub fn export(saved: &Saved, format: Format, out: &Path) -> Result<(), Error> {
    let (graph, values) = saved.network.graph()?;
    match format {
        Format::Onnx => Ok(onnx::write(out, graph, values, &metadata(saved)?)?),
        Format::Safetensors(precision) => {
            Ok(weights::write_as(out, values, Some(&saved.description.text()?), precision)?)
        }
        Format::Hub(precision) => hub::write(saved, precision, out),
    }
}

/// What an ONNX file says beside its graph.
pub(super) fn metadata(saved: &Saved) -> Result<Metadata, Error> {
    let description = &saved.description;
    let view = View::of(description);
    let [height, width] = view.crop;
    let program = serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "model": description.model });
    let names: Vec<String> = (0..description.classes).map(|label| description.class(label)).collect();
    let classes = serde_json::to_string(&names).map_err(Error::json("the names of the classes"))?;
    Ok(Metadata::from([
        ("classes".to_owned(), classes),
        ("resize".to_owned(), view.resize),
        ("crop".to_owned(), format!("{height}x{width}")),
        ("interpolation".to_owned(), view.interpolation.to_owned()),
        ("kd2m".to_owned(), program.to_string()),
    ]))
}
