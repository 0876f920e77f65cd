//! Which files hold the weights that are named: one, or the shards of an index, in a folder or by itself.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    WeightsError,
    called::{ENDINGS, USUAL, may_be_weights, name_of},
    recognise::other_file,
};

/// The file that is meant by a folder: the usual one, or the only one that may hold weights.
///
/// # Errors
/// None of them, or several.
pub(super) fn in_folder(folder: &Path) -> Result<PathBuf, WeightsError> {
    if let Some(usual) = USUAL.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        return Ok(usual);
    }
    let fail = |reason| Err(WeightsError::Folder { path: folder.to_owned(), reason });
    let entries = fs::read_dir(folder).map_err(|source| WeightsError::Read { path: folder.to_owned(), source })?;
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|p| may_hold(p)).collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => fail(format!("the folder holds no weights ({} or a file .{})", USUAL.join(", "), ENDINGS.join(", ."))),
        several => {
            let names: Vec<String> = several.iter().take(5).map(|path| name_of(path)).collect();
            let more = if several.len() > 5 { ", …" } else { "" };
            fail(format!("the folder holds several files of weights ({}{more}): name one of them", names.join(", ")))
        }
    }
}

fn may_hold(path: &Path) -> bool {
    path.is_file() && may_be_weights(&name_of(path))
}

/// Where each tensor lies, by the names of the files beside it.
#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// The contents of the file, or of all shards that it is the index of.
///
/// # Errors
/// A file that cannot be read, or an index that names files elsewhere.
pub(super) fn contents(path: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, WeightsError> {
    let bytes = bytes_of(path)?;
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Ok(vec![(path.to_owned(), bytes)]);
    }
    let malformed = |reason: String| WeightsError::Malformed { path: path.to_owned(), reason };
    let Ok(index) = serde_json::from_slice::<Index>(&bytes) else {
        return Err(malformed(other_file(&bytes).map_or_else(
            || "it is no index of shards".to_owned(),
            |what| format!("it {what}; an index of shards has a `weight_map`"),
        )));
    };
    let shard = |shard: PathBuf| {
        let name = name_of(&shard);
        match bytes_of(&shard) {
            Err(WeightsError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Err(malformed(format!("it is an index of shards, of which {name} is not beside it: get them all")))
            }
            read => Ok((shard, read?)),
        }
    };
    beside(path, &index)?.into_iter().map(shard).collect()
}

/// The files that an index names, there or not.
///
/// # Errors
/// A file that cannot be read, that is no index, or that names files elsewhere.
pub(super) fn shards(path: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    shards_in(path, &bytes_of(path)?)
}

/// The same of the text of an index that stands or will stand at a place.
pub(super) fn shards_in(path: &Path, text: &[u8]) -> Result<Vec<PathBuf>, WeightsError> {
    let malformed =
        |_| WeightsError::Malformed { path: path.to_owned(), reason: "it is no index of shards".to_owned() };
    beside(path, &serde_json::from_slice(text).map_err(malformed)?)
}

fn beside(path: &Path, index: &Index) -> Result<Vec<PathBuf>, WeightsError> {
    let malformed = |reason: String| WeightsError::Malformed { path: path.to_owned(), reason };
    let names: BTreeSet<&String> = index.weight_map.values().collect();
    if names.is_empty() {
        return Err(malformed("it is an index of no shards".to_owned()));
    }
    let shard = |name: &String| {
        // An index is a text from elsewhere: it may name its neighbours and nothing else.
        match Path::new(name).file_name().is_some_and(|plain| plain == name.as_str()) {
            true => Ok(path.with_file_name(name)),
            false => Err(malformed(format!("it is an index that names a file elsewhere ({name})"))),
        }
    };
    names.into_iter().map(shard).collect()
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, WeightsError> {
    fs::read(path).map_err(|source| WeightsError::Read { path: path.to_owned(), source })
}

/// What a file's name says where a network's tensors are missing: one of several shards.
pub(super) fn is_shard(path: &Path) -> bool {
    let name = name_of(path);
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let parts: Vec<&str> = stem.rsplitn(4, '-').collect();
    let number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    matches!(parts[..], [all, "of", this, _] if number(all) && number(this))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_usual_or_only_file() {
        let folder = tempfile::tempdir().unwrap();
        let found = || in_folder(folder.path()).map(|p| name_of(&p)).map_err(|e| e.to_string());
        assert!(found().unwrap_err().contains("holds no weights (model.safetensors, "));
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        fs::write(folder.path().join("t.pth"), "").unwrap();
        assert_eq!(found().unwrap(), "t.pth");
        fs::write(folder.path().join("u.safetensors"), "").unwrap();
        assert!(found().unwrap_err().ends_with("several files of weights (t.pth, u.safetensors): name one of them"));
        fs::write(folder.path().join("model.safetensors.index.json"), "").unwrap();
        assert_eq!(found().unwrap(), "model.safetensors.index.json");
    }

    #[test]
    fn an_index_names_its_neighbours_only() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("model.safetensors.index.json");
        let said = |text: &str| {
            fs::write(&index, text).unwrap();
            contents(&index).map(|files| files.len()).map_err(|e| e.to_string())
        };
        fs::write(folder.path().join("a"), "one").unwrap();
        fs::write(folder.path().join("b"), "two").unwrap();
        assert_eq!(said(r#"{"metadata": {}, "weight_map": {"x": "a", "y": "b", "z": "a"}}"#), Ok(2));
        assert!(
            said(r#"{"weight_map": {"x": "c"}}"#).unwrap_err().contains("of which c is not beside it: get them all")
        );
        for elsewhere in ["../a", "/etc/passwd", "", ".."] {
            let why = said(&format!(r#"{{"weight_map": {{"x": "{elsewhere}"}}}}"#)).unwrap_err();
            assert!(why.contains("names a file elsewhere"), "{why}");
        }
        assert!(said(r#"{"architectures": ["ResNet"]}"#).unwrap_err().contains("a JSON text, not weights; an index"));
        assert!(said(r#"{"weight_map": {}}"#).unwrap_err().contains("an index of no shards"));
    }

    #[test]
    fn shards_are_known_by_their_names() {
        assert!(is_shard(Path::new("a/model-00001-of-00002.safetensors")));
        for other in ["model.safetensors", "run-1-of-2.pth", "00001-of-00002.bin"] {
            assert!(!is_shard(Path::new(other)), "{other}");
        }
    }
}
