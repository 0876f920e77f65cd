//! Finding and reading files: where a data set usually lies, gzip or not, and never more memory than a file really fills.
//! What a header claims is only ever a limit for reading, not a size to allocate.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::DataError;
use crate::entry::Entry;

/// No file of the data sets here is larger unpacked; a larger claim is a damaged header or an archive bomb.
pub(crate) const MOST_BYTES: u64 = 2 << 30;

/// What is allocated before anything is read.
const FIRST_BYTES: u64 = 32 << 20;

/// The data root, which must be given and exist.
pub(crate) fn existing_root<'a>(entry: &Entry, root: Option<&'a Path>) -> Result<&'a Path, DataError> {
    let root = root.ok_or(DataError::NoRoot { dataset: entry.name, expected: entry.files })?;
    if !root.exists() {
        return Err(DataError::RootMissing { root: root.to_owned(), expected: entry.files });
    }
    Ok(root)
}

/// The first of `folders` under `root`, in each of which every one of `names` is tried, that holds a file.
pub(crate) fn find(
    entry: &Entry,
    root: &Path,
    folders: &[&str],
    names: &[String],
    help: &str,
) -> Result<PathBuf, DataError> {
    let looked: Vec<PathBuf> =
        folders.iter().flat_map(|folder| names.iter().map(move |name| join(root, folder, name))).collect();
    match looked.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(DataError::Missing { dataset: entry.name, file: names[0].clone(), looked, help: help.to_owned() }),
    }
}

/// `root/folder/name`, without a trailing dot where `folder` is empty.
pub(crate) fn join(root: &Path, folder: &str, name: &str) -> PathBuf {
    if folder.is_empty() { root.join(name) } else { root.join(folder).join(name) }
}

/// Opens a file for reading, unpacked where it is gzipped, whatever its name says.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let place = path.display().to_string();
    let failed = |source| DataError::Io { place: place.clone(), source };
    let magic = {
        let mut magic = Vec::new();
        File::open(path).map_err(failed)?.take(2).read_to_end(&mut magic).map_err(failed)?;
        magic
    };
    let file = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
    Ok(if magic == [0x1f, 0x8b] { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// Reads until the end, but no more than `most` bytes; the memory grows with what is read.
pub(crate) fn read_at_most(place: &str, reader: impl Read, most: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::with_capacity(most.min(FIRST_BYTES) as usize);
    reader.take(most).read_to_end(&mut bytes).map_err(|error| damaged(place, error))?;
    Ok(bytes)
}

/// An error of reading: a broken stream is the file's fault, everything else the system's.
pub(crate) fn damaged(place: &str, error: std::io::Error) -> DataError {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other => {
            DataError::format(place, format!("the file is truncated or damaged ({error}): get it again"))
        }
        _ => DataError::Io { place: place.to_owned(), source: error },
    }
}
