//! What files of weights are called.

use std::path::Path;

/// How a repository of the Hugging Face hub is named where a file of weights could stand.
pub const PREFIX: &str = "hf:";

/// What Hugging Face calls weights, in the order in which its own programs look for them.
pub(super) const USUAL: [&str; 4] =
    ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];

/// Endings of files that may hold weights.
pub(super) const ENDINGS: [&str; 5] = ["safetensors", "pth", "pt", "bin", "ckpt"];

/// The end of an index's name.
const INDEX: &str = ".index.json";

/// Whether a name is one that weights have, or an index of shards.
pub(super) fn may_be_weights(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    is_index(name) || ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// Whether a name is that of an index of shards.
pub(super) fn is_index(name: &str) -> bool {
    name.ends_with(INDEX)
}

/// The last part of a path.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
