//! What lies in a folder: images in the order of torchvision's ImageFolder, through subfolders and links, and a count of all that
//! is not read, so that nothing is left out in silence.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::DataError;

/// Endings of the files that are read, in either case: torchvision's.
pub(super) const ENDINGS: [&str; 9] = ["jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp"];

/// `.jpg, .jpeg, …`
pub(super) fn endings() -> String {
    ENDINGS.map(|ending| format!(".{ending}")).join(", ")
}

/// Files that are not read, by kind: an ending, or what else they are.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Omitted {
    counts: BTreeMap<String, usize>,
}

impl Omitted {
    fn add(&mut self, kind: impl Into<String>) {
        *self.counts.entry(kind.into()).or_default() += 1;
    }

    pub fn extend(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
    }

    pub fn count(&self) -> usize {
        self.counts.values().sum()
    }
}

impl fmt::Display for Omitted {
    /// The commonest first: `.gif 40, broken link 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let mut kinds: Vec<(&String, &usize)> = self.counts.iter().collect();
        kinds.sort_by(|a, b| b.1.cmp(a.1));
        let mut shown: Vec<String> = kinds.iter().take(SHOWN).map(|(kind, count)| format!("{kind} {count}")).collect();
        if let Some(rest) = kinds.get(SHOWN..).filter(|rest| !rest.is_empty()) {
            shown.push(format!("others {}", rest.iter().map(|(_, count)| **count).sum::<usize>()));
        }
        f.write_str(&shown.join(", "))
    }
}

/// What an entry of a folder is, links followed.
enum Entry {
    Folder,
    /// With its ending.
    Image(String),
    /// With its kind.
    Other(String),
    /// Of the system or another program (`.DS_Store`), no part of the data.
    Ignored,
}

fn entry(path: &Path) -> Result<Entry, DataError> {
    let name = name_of(path);
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let is_image = ending.as_deref().is_some_and(|ending| ENDINGS.contains(&ending));
    let kind = ending.map_or_else(|| "without ending".to_owned(), |ending| format!(".{ending}"));
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        // A link to nowhere, or in a circle.
        Err(_) if path.is_symlink() => return Ok(Entry::Other("broken link".to_owned())),
        Err(source) => return Err(DataError::Io { place: path.display().to_string(), source }),
    };
    Ok(match (metadata.is_dir(), metadata.is_file()) {
        (true, _) if name.starts_with('.') => Entry::Other("hidden folder".to_owned()),
        (true, _) => Entry::Folder,
        (_, true) if name.starts_with('.') && is_image => Entry::Other(format!("hidden {kind}")),
        (_, true) if name.starts_with('.') => Entry::Ignored,
        (_, true) if is_image => Entry::Image(kind),
        (_, true) => Entry::Other(kind),
        _ => Entry::Other("no file".to_owned()),
    })
}

/// The subfolders of train/ or test/, one a class, by name; files beside them belong to no class.
pub(super) fn classes(folder: &Path, omitted: &mut Omitted) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        match entry(&path)? {
            Entry::Folder => found.push(path),
            Entry::Image(ending) => omitted.add(format!("{ending} in no class")),
            Entry::Other(kind) => omitted.add(kind),
            Entry::Ignored => {}
        }
    }
    Ok(found)
}

/// Whether images lie in a folder itself.
pub(super) fn holds_images(folder: &Path) -> Result<bool, DataError> {
    for path in entries(folder)? {
        if matches!(entry(&path)?, Entry::Image(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The images of a class, those of its subfolders too, in torchvision's order: by folder, then by name.
pub(super) fn images(class: &Path, omitted: &mut Omitted) -> Result<Vec<PathBuf>, DataError> {
    let mut folders = Vec::new();
    descend(class, &mut Vec::new(), &mut folders, omitted)?;
    folders.sort_by(|(a, _), (b, _)| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(folders.into_iter().flat_map(|(_, images)| images).collect())
}

/// A folder and its images.
type Held = (PathBuf, Vec<PathBuf>);

/// `above` has the real places of the folders that led here: a link to what holds one of them would never end.
fn descend(
    folder: &Path,
    above: &mut Vec<PathBuf>,
    found: &mut Vec<Held>,
    omitted: &mut Omitted,
) -> Result<(), DataError> {
    let real = folder.canonicalize().map_err(|source| DataError::Io { place: folder.display().to_string(), source })?;
    if above.iter().any(|folder| folder.starts_with(&real)) {
        omitted.add("link to a folder above");
        return Ok(());
    }
    above.push(real);
    let mut images = Vec::new();
    for path in entries(folder)? {
        match entry(&path)? {
            Entry::Folder => descend(&path, above, found, omitted)?,
            Entry::Image(_) => images.push(path),
            Entry::Other(kind) => omitted.add(kind),
            Entry::Ignored => {}
        }
    }
    above.pop();
    found.push((folder.to_owned(), images));
    Ok(())
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

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_the_commonest_first() {
        let mut omitted = Omitted::default();
        for kind in ["broken link", ".gif", ".gif"] {
            omitted.add(kind);
        }
        assert_eq!((omitted.count(), omitted.to_string()), (3, ".gif 2, broken link 1".to_owned()));
        (0..9).for_each(|i| omitted.add(format!(".{i}")));
        assert_eq!(omitted.to_string(), ".gif 2, .0 1, .1 1, .2 1, .3 1, .4 1, .5 1, .6 1, others 3");
    }
}
