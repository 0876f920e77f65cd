//! Data sets by name, and what `kd2m list datasets` prints. Read next: `source/`, one file a data set, and the list of them.

use std::path::Path;

use crate::{
    DataError, Dataset, Entry, Reading,
    entry::Place,
    source::{ENTRIES, folder},
};

/// All data sets, in the order of their listing.
pub fn registry() -> &'static [Entry] {
    ENTRIES
}

/// Loads the data set `name`; those that live in files are looked for under `root`.
///
/// # Errors
/// An unknown name, and whatever is missing from or wrong with the files.
pub fn load(name: &str, root: Option<&Path>) -> Result<Dataset, DataError> {
    load_with(name, root, &Reading::default())
}

/// [`load`], read in another way.
///
/// # Errors
/// As [`load`].
pub fn load_with(name: &str, root: Option<&Path>, reading: &Reading<'_>) -> Result<Dataset, DataError> {
    let (known, path) = match name.split_once(':') {
        Some((known, path)) => (known, Some(path)),
        None => (name, None),
    };
    let unknown = |hint| DataError::UnknownDataset { name: name.to_owned(), hint };
    let entry = ENTRIES.iter().find(|entry| entry.name == known).ok_or_else(|| unknown(nearest(known)))?;
    let place = Place { path: path.unwrap_or_default(), root, reading };
    match path {
        Some(path) if entry.takes_path && !path.is_empty() => (entry.load)(place),
        None if !entry.takes_path => (entry.load)(place),
        _ if entry.takes_path => Err(unknown(format!("write `{known}:PATH`, where PATH holds {}", entry.files))),
        _ => Err(unknown(format!("`{known}` takes no path, its files are found under --data-root"))),
    }
}

/// A data set with the images of a folder, `folder:PATH[@SIZE]`, as further training images, which have no labels: all that lie below it, whatever their
/// folders are called.
///
/// # Errors
/// Another name; images that are missing, broken or of another shape than the data set's.
pub fn load_unlabelled(
    dataset: Dataset,
    name: &str,
    root: Option<&Path>,
    reading: &Reading<'_>,
) -> Result<Dataset, DataError> {
    let Some(path) = name.strip_prefix(folder::ENTRY.name).and_then(|rest| rest.strip_prefix(':')) else {
        let hint = "images without labels are those of a folder: write `folder:PATH`".to_owned();
        return Err(DataError::UnknownDataset { name: name.to_owned(), hint });
    };
    let (samples, notes, listing) = folder::unlabelled(Place { path, root, reading }, &dataset)?;
    Ok(dataset.with_unlabelled(samples, notes, &listing))
}

/// The names nearest to `name`, or all of them.
fn nearest(name: &str) -> String {
    let lower = name.to_lowercase().replace(['-', '_', ' '], "");
    let mut near: Vec<(f64, &str)> =
        ENTRIES.iter().map(|entry| (strsim::jaro_winkler(&lower, entry.name), entry.name)).collect();
    near.retain(|(likeness, _)| *likeness > 0.8);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    if near.is_empty() {
        let all: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
        return format!("known are {}", all.join(", "));
    }
    let names: Vec<String> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    format!("did you mean {}?", names.join(" or "))
}
