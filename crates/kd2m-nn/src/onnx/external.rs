//! Numbers that a model keeps in files beside it, as PyTorch's exporter does by default: read by position into the model, so that nothing
//! after this knows of it. A file lies in the model's folder or below it, and never more is read than it holds.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Component, Path, PathBuf},
};

use super::{
    error::OnnxError,
    proto::{Model, Tensor},
};

/// Values of [`Tensor::data_location`].
const EXTERNAL: i32 = 1;

/// Reads them all from below `folder`.
///
/// # Errors
/// A file that is not there, is too short, or lies elsewhere.
pub(super) fn read(model: &mut Model, folder: &Path) -> Result<(), OnnxError> {
    let mut files: HashMap<String, File> = HashMap::new();
    for tensor in tensors(model) {
        let name = tensor.name.clone();
        numbers(tensor, folder, &mut files)
            .map_err(|why| OnnxError::Unsuitable(format!("constant {name}: its numbers are in another file: {why}")))?;
    }
    Ok(())
}

/// The files that they lie in, each once, in the order of their names.
pub(super) fn files(model: &mut Model, folder: &Path) -> Vec<PathBuf> {
    let location =
        |tensor: &mut Tensor| tensor.external_data.iter().find(|e| e.key == "location").map(|e| e.value.clone());
    let names: BTreeSet<String> = tensors(model).filter_map(location).collect();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// The tensors whose numbers lie in other files.
fn tensors(model: &mut Model) -> impl Iterator<Item = &mut Tensor> {
    let all = model.graph.iter_mut().flat_map(|graph| {
        let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute).filter_map(|a| a.t.as_mut());
        graph.initializer.iter_mut().chain(attributes)
    });
    all.filter(|tensor| tensor.data_location == EXTERNAL)
}

fn numbers(tensor: &mut Tensor, folder: &Path, files: &mut HashMap<String, File>) -> Result<(), String> {
    let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone());
    let whole = |key: &str| {
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("its {key} is `{text}`"));
        entry(key).map(number).transpose()
    };
    let location = entry("location").ok_or("its name is not said")?;
    let (offset, length) = (whole("offset")?.unwrap_or(0), whole("length")?);
    let is_below = !location.is_empty()
        && Path::new(&location).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !is_below {
        return Err(format!("{location} is not in the model's folder, from which alone files are read"));
    }
    if !files.contains_key(&location) {
        let path = folder.join(&location);
        let file = File::open(&path).map_err(|e| {
            format!("cannot read {}: {e}; keep it beside the model, or export the model as one file", path.display())
        })?;
        files.insert(location.clone(), file);
    }
    let Some(file) = files.get_mut(&location) else { return Ok(()) };
    let broken = |e: std::io::Error| format!("cannot read {location}: {e}");
    let held = file.metadata().map_err(broken)?.len();
    let length = length.unwrap_or_else(|| held.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > held) {
        return Err(format!(
            "{location} has {held} bytes, bytes {offset} to {offset} + {length} are wanted: it is not the model's, or was cut off"
        ));
    }
    file.seek(SeekFrom::Start(offset)).map_err(broken)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(broken)?;
    (tensor.raw_data, tensor.data_location) = (bytes.into(), 0);
    Ok(())
}
