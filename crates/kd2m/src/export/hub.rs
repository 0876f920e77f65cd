//! A folder as the Hugging Face hub has it: timm loads it where it knows the architecture under the same keys, kd2m always.

use std::{fs, path::Path};

use kd2m_nn::{
    Graph,
    weights::{self, Precision},
};
use serde_json::{Value, json};

use super::{card, view::View};
use crate::{Error, files, saved::Saved};

/// Writes the folder beside its place and renames it.
///
/// # Errors
/// A folder of that name that holds something; the disk; numbers beyond the range of half precision.
pub(super) fn write(saved: &Saved, precision: Precision, out: &Path) -> Result<(), Error> {
    let is_empty = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if out.exists() && !is_empty(out) {
        return Err(Error::Config(format!("{} is there already: choose another --out, or remove it", out.display())));
    }
    let (graph, values) = saved.network.graph()?;
    files::write_folder(out, |place| {
        weights::write_as(&place.join("model.safetensors"), values, Some(&saved.description.text()?), precision)?;
        files::write_json(&place.join("config.json"), &config(saved, graph))?;
        files::write(&place.join("README.md"), card::text(saved, graph, precision).as_bytes())
    })
}

/// timm's form of it; what timm does not know lies under `kd2m`.
fn config(saved: &Saved, graph: &Graph) -> Value {
    let description = &saved.description;
    let view = View::of(description);
    let names: Vec<String> = (0..description.classes).map(|label| description.class(label)).collect();
    let fc = &graph.node(graph.logits()).name;
    json!({
        "architecture": description.model,
        "num_classes": description.classes,
        "num_features": graph.feature_width(),
        "label_names": names,
        "pretrained_cfg": {
            "input_size": description.input,
            "interpolation": view.interpolation,
            "crop_pct": view.crop_pct,
            "crop_mode": view.crop_mode,
            "mean": shortest(&description.mean),
            "std": shortest(&description.std),
            "num_classes": description.classes,
            "first_conv": graph.nodes().iter().find(|n| matches!(n.layer, kd2m_nn::Layer::Conv(_))).map(|n| &n.name),
            "classifier": fc,
        },
        "kd2m": { "version": env!("CARGO_PKG_VERSION"), "stem": description.stem },
    })
}

/// As short as they are right: a JSON number has the digits of an f64.
fn shortest(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| value.to_string().parse().unwrap_or(f64::from(*value))).collect()
}
