//! Which Parquet files a path means, and what each is for.

use std::path::{Path, PathBuf};

use crate::DataError;

/// What the data set is called.
pub(super) const NAME: &str = "parquet";

/// What is looked for.
pub(super) const FILES: &str = "a Parquet file with columns image and label, or a folder with train-*.parquet and test-*.parquet or validation-*.parquet";

/// Files by their use, each in the order of their names.
pub(super) struct Found {
    /// What was asked for, where it was found.
    pub place: PathBuf,
    pub train: Vec<PathBuf>,
    pub validation: Option<Vec<PathBuf>>,
    pub test: Option<Vec<PathBuf>>,
}

/// The path under the data root where there is one, otherwise as written.
pub(super) fn find(path: &str, root: Option<&Path>) -> Result<Found, DataError> {
    let mut looked: Vec<PathBuf> = root.into_iter().map(|root| root.join(path)).collect();
    looked.push(path.into());
    looked.dedup();
    let Some(place) = looked.iter().find(|path| path.exists()).cloned() else {
        return Err(DataError::Missing {
            dataset: NAME,
            file: "the file or folder".into(),
            looked,
            help: format!("it must be {}", FILES),
        });
    };
    if place.is_file() {
        return Ok(Found { train: vec![place.clone()], place, validation: None, test: None });
    }
    let all = below(&place)?;
    let begins = |words: &[&str]| -> Vec<PathBuf> {
        let of_part = |path: &&PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
            let rest = words.iter().find_map(|word| name.strip_prefix(word));
            rest.is_some_and(|rest| rest.starts_with(['-', '.', '_']))
        };
        all.iter().filter(of_part).cloned().collect()
    };
    let some = |files: Vec<PathBuf>| Some(files).filter(|files| !files.is_empty());
    let (train, validation, test) =
        (begins(&["train"]), some(begins(&["validation", "valid", "val"])), some(begins(&["test"])));
    let train = if train.is_empty() && validation.is_none() && test.is_none() { all } else { train };
    if train.is_empty() {
        return Err(DataError::format(
            &place.display().to_string(),
            format!("holds no training images: it must be {}", FILES),
        ));
    }
    Ok(Found { place, train, validation, test })
}

/// The Parquet files of a folder, or of the first one below it, by name, that has some.
fn below(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let own = entries(folder)?;
    let is_table = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"));
    let tables = |all: &[PathBuf]| all.iter().filter(|path| is_table(path)).cloned().collect::<Vec<_>>();
    let found = tables(&own);
    if !found.is_empty() {
        return Ok(found);
    }
    for inner in own.iter().filter(|path| path.is_dir()) {
        let found = tables(&entries(inner)?);
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(DataError::format(&folder.display().to_string(), format!("holds no Parquet file: it must be {}", FILES)))
}

/// What a folder holds, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |source| DataError::Io { place: folder.display().to_string(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}
