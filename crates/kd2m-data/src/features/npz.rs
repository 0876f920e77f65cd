//! NumPy's `.npz`: a zip archive of `.npy` members, stored or deflated; read as streams, with the zip's checksum compared at the end.

use std::fs::File;
use std::io::{BufReader, Read};

use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::Location;
use super::npy;
use super::stored::Stored;
use crate::DataError;

/// Opens the array under the location's key, or the only one there is.
pub(super) fn with_member<R>(
    location: &Location,
    place: &str,
    take: impl FnOnce(Stored<'_>) -> Result<R, DataError>,
) -> Result<R, DataError> {
    opened(location, place, |member, held, vouched| npy::with_stream(place, member, held, vouched, take))
}

/// The same as the bytes of a `.npy`, with how many these are said to be, and whether that number is known and not only claimed.
pub(super) fn opened<R>(
    location: &Location,
    place: &str,
    take: impl FnOnce(&mut dyn Read, u64, bool) -> Result<R, DataError>,
) -> Result<R, DataError> {
    let failed = |source| DataError::Io { place: place.to_owned(), source };
    let broken = |error: ZipError| {
        DataError::format(place, format!("the zip archive is truncated or damaged ({error}): write it again"))
    };
    let file = File::open(&location.path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let keys: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".npy")).collect();
    if keys.is_empty() {
        let problem = "the zip archive holds no array (.npy); PyTorch's own files are zip archives too: save features with np.save";
        return Err(DataError::format(place, problem));
    }
    let key = chosen_key(location, place, &keys)?;
    let name = format!("{key}.npy");
    if let Some(index) = archive.index_for_name(&name) {
        let method = archive.by_index_raw(index).map_err(broken)?.compression();
        readable(method).map_err(|packed| {
            let problem =
                format!("array `{key}` is packed {packed}: write the file with np.savez or np.savez_compressed");
            DataError::format(place, problem)
        })?;
    }
    let mut member = archive.by_name(&name).map_err(broken)?;
    let held = member.size();
    // Only a stored member's size can be compared with the file.
    let vouched = member.compression() == CompressionMethod::Stored && held <= length;
    take(&mut member, held, vouched)
}

/// The names of an archive's arrays.
pub(super) fn names(location: &Location, place: &str) -> Result<Vec<String>, DataError> {
    let file = File::open(&location.path).map_err(|source| DataError::Io { place: place.to_owned(), source })?;
    let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
        DataError::format(place, format!("the zip archive is truncated or damaged ({error}): write it again"))
    })?;
    Ok(archive.file_names().filter_map(|name| name.strip_suffix(".npy")).map(str::to_owned).collect())
}

/// How a member is packed, where it is not as NumPy writes it.
fn readable(method: CompressionMethod) -> Result<(), String> {
    match method {
        CompressionMethod::STORE | CompressionMethod::DEFLATE => Ok(()),
        CompressionMethod::BZIP2 => Err("by bzip2, which is not read".to_owned()),
        CompressionMethod::LZMA => Err("by LZMA, which is not read".to_owned()),
        other => Err(format!("by a method that is not read ({other:?})")),
    }
}

/// The key that the location names, or the only one; shared with safetensors.
pub(super) fn chosen_key<'k>(location: &Location, place: &str, keys: &[&'k str]) -> Result<&'k str, DataError> {
    let file = location.path.display();
    match (&location.key, keys) {
        (None, [only]) => Ok(only),
        (None, []) => Err(DataError::format(place, "the file holds no arrays")),
        (None, [first, ..]) => {
            let problem = format!("the file holds {}; say which, as in {file}:{first}", list(keys));
            Err(DataError::format(place, problem))
        }
        (Some(wanted), keys) => keys.iter().copied().find(|key| key == wanted).ok_or_else(|| {
            DataError::format(place, format!("the file has no array `{wanted}`; it holds {}", list(keys)))
        }),
    }
}

/// Up to eight names.
fn list(keys: &[&str]) -> String {
    let shown = keys.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    match keys.len() {
        0..=8 => shown,
        n => format!("{shown} and {} more", n - 8),
    }
}
