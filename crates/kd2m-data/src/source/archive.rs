//! The files of a data set, from a folder or straight from its .tar.gz, which is read once as a stream and never unpacked to disk.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::files::{MOST_BYTES, damaged, join, open, read_at_most};
use crate::DataError;
use crate::entry::Entry;

/// Where a data set's files may lie under the data root; the root may also be the archive itself.
pub(crate) struct Layout {
    pub folders: &'static [&'static str],
    pub archives: &'static [&'static str],
    /// The files that must be there.
    pub files: &'static [&'static str],
    /// What to do when nothing is found.
    pub help: &'static str,
}

/// One file of a data set.
pub(crate) struct Content {
    /// Where it is, for messages.
    pub place: String,
    pub bytes: Vec<u8>,
}

/// The files of the first layout that is there, and which it is; in the layout's order whatever the archive's, so that folder and archive
/// give the same data set.
pub(crate) fn read_files(entry: &Entry, root: &Path, layouts: &[Layout]) -> Result<(usize, Vec<Content>), DataError> {
    if root.is_file() {
        return from_archive(entry, root, layouts);
    }
    let mut looked = Vec::new();
    for (which, layout) in layouts.iter().enumerate() {
        let folders: Vec<PathBuf> = layout.folders.iter().map(|folder| join(root, folder, "")).collect();
        if let Some(folder) = folders.iter().find(|folder| folder.join(layout.files[0]).is_file()) {
            return Ok((which, from_folder(entry, folder, layout)?));
        }
        let archives: Vec<PathBuf> = layout.archives.iter().map(|archive| root.join(archive)).collect();
        if let Some(archive) = archives.iter().find(|archive| archive.is_file()) {
            return from_archive(entry, archive, layouts);
        }
        looked.extend(folders.iter().map(|folder| folder.join(layout.files[0])).chain(archives));
    }
    let layout = &layouts[0];
    Err(DataError::Missing { dataset: entry.name, file: layout.files[0].into(), looked, help: layout.help.into() })
}

fn from_folder(entry: &Entry, folder: &Path, layout: &Layout) -> Result<Vec<Content>, DataError> {
    // All are looked for before the first is read: a missing one should not cost minutes.
    if let Some(name) = layout.files.iter().find(|name| !folder.join(name).is_file()) {
        let help = format!("the folder is incomplete, {}", layout.help);
        return Err(DataError::Missing {
            dataset: entry.name,
            file: (*name).into(),
            looked: vec![folder.join(name)],
            help,
        });
    }
    let read = |name: &&str| {
        let path = folder.join(name);
        let place = path.display().to_string();
        Ok(Content { bytes: read_at_most(&place, open(&path)?, MOST_BYTES)?, place })
    };
    layout.files.iter().map(read).collect()
}

/// Of several layouts the one that has most of its files in the archive.
fn from_archive(entry: &Entry, path: &Path, layouts: &[Layout]) -> Result<(usize, Vec<Content>), DataError> {
    let archive_place = path.display().to_string();
    let mut archive = tar::Archive::new(open(path)?);
    let none = |layout: &Layout| -> Vec<Option<Content>> { layout.files.iter().map(|_| None).collect() };
    let mut found: Vec<Vec<Option<Content>>> = layouts.iter().map(none).collect();
    for member in archive.entries().map_err(|error| damaged(&archive_place, error))? {
        let member = member.map_err(|error| damaged(&archive_place, error))?;
        let inside = member.path().map_err(|error| damaged(&archive_place, error))?.into_owned();
        let named =
            |layout: &Layout| layout.files.iter().position(|&name| inside.file_name().is_some_and(|n| n == name));
        let wanted = layouts.iter().enumerate().find_map(|(which, layout)| Some((which, named(layout)?)));
        let Some((which, slot)) = wanted.filter(|_| member.header().entry_type().is_file()) else { continue };
        let place = format!("{archive_place}, {}", inside.display());
        if found[which][slot].is_some() {
            return Err(DataError::format(&place, "is in the archive twice: get the archive again"));
        }
        found[which][slot] = Some(Content { bytes: read_member(&place, member)?, place });
    }
    let count = |which: &usize| found[*which].iter().flatten().count();
    // Of equals the first.
    let which = (0..layouts.len()).rev().max_by_key(count).unwrap_or(0);
    let (layout, found) = (&layouts[which], found.swap_remove(which));
    if let Some(missing) = found.iter().position(Option::is_none) {
        let help = format!("the archive lacks it, {}", layout.help);
        return Err(DataError::Missing {
            dataset: entry.name,
            file: layout.files[missing].into(),
            looked: vec![path.to_owned()],
            help,
        });
    }
    Ok((which, found.into_iter().flatten().collect()))
}

fn read_member(place: &str, member: tar::Entry<'_, impl Read>) -> Result<Vec<u8>, DataError> {
    let claim = member.size();
    if claim > MOST_BYTES {
        return Err(DataError::format(
            place,
            format!("the archive claims {claim} bytes, more than any file of this kind holds: it is damaged"),
        ));
    }
    let bytes = read_at_most(place, member, claim)?;
    let found = bytes.len() as u64;
    if found < claim {
        return Err(DataError::format(
            place,
            format!("the archive claims {claim} bytes but only {found} follow: it is truncated, get it again"),
        ));
    }
    Ok(bytes)
}
