//! Which of the three formats a file has, by its content, and its array whatever the format.

use std::fs::File;
use std::io::Read;

use super::stored::Stored;
use super::{Location, npy, npz, safetensors};
use crate::DataError;

/// Opens an array, whatever its format, and hands it to `take`.
pub(super) fn with_array<R>(
    location: &Location,
    take: impl FnOnce(Stored<'_>) -> Result<R, DataError>,
) -> Result<R, DataError> {
    let place = location.to_string();
    match format_of(location)? {
        Format::Npy => npy::with_file(location, &place, take),
        Format::Npz => npz::with_member(location, &place, take),
        Format::Safetensors => safetensors::with_tensor(location, &place, take),
        Format::Other => Err(DataError::format(&place, no_format(location))),
    }
}

/// The names of the arrays that a file holds; none of a `.npy`, whose one array has no name.
///
/// # Errors
/// A file that cannot be read or is of no format that is read here.
pub fn array_names(location: &Location) -> Result<Vec<String>, DataError> {
    let place = location.to_string();
    match format_of(location)? {
        Format::Npy => Ok(Vec::new()),
        Format::Npz => npz::names(location, &place),
        Format::Safetensors => safetensors::names(location, &place),
        Format::Other => Err(DataError::format(&place, no_format(location))),
    }
}

/// What a file's first bytes say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Npy,
    Npz,
    Safetensors,
    Other,
}

/// The format by content; the name decides only between safetensors and nothing known.
pub(super) fn format_of(location: &Location) -> Result<Format, DataError> {
    let failed = |source| DataError::Io { place: location.path.display().to_string(), source };
    let mut start = Vec::new();
    File::open(&location.path).map_err(failed)?.take(9).read_to_end(&mut start).map_err(failed)?;
    let named_safetensors = location.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    Ok(match start.as_slice() {
        start if start.starts_with(&npy::MAGIC) => Format::Npy,
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Format::Npz,
        [_, _, _, _, _, 0, 0, 0, b'{'] => Format::Safetensors,
        _ if named_safetensors => Format::Safetensors,
        _ => Format::Other,
    })
}

fn no_format(location: &Location) -> &'static str {
    match location.path.metadata().map(|m| m.len()) {
        Ok(0) => "the file is empty; arrays are read from .npy, .npz and .safetensors",
        _ => {
            "the file is neither .npy, .npz nor .safetensors; with NumPy, np.save(\"features.npy\", x) writes one that is read"
        }
    }
}
