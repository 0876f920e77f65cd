//! Which files of a folder are a set, and in which order: their numbers, without a hole.

use std::fs;
use std::path::{Path, PathBuf};

use super::Location;
use crate::DataError;

/// What the files of a folder are called that is a set.
const PATTERN: &str = "part-*.npy";

/// Whether the last part of a path has a `*`.
pub(super) fn is_pattern(location: &Location) -> bool {
    location.path.file_name().is_some_and(|name| name.to_string_lossy().contains('*'))
}

/// The files that a folder or a pattern means, by their numbers.
///
/// # Errors
/// No file, one without a number, a number twice, or one that is missing.
pub(super) fn list(location: &Location) -> Result<Vec<PathBuf>, DataError> {
    let place = location.to_string();
    let wrong = |problem: String| DataError::format(&place, problem);
    let (folder, pattern) = match is_pattern(location) {
        false => (location.path.as_path(), PATTERN.to_owned()),
        true => {
            let name = location.path.file_name().map(|name| name.to_string_lossy().into_owned());
            let folder = location.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            (folder.unwrap_or(Path::new(".")), name.unwrap_or_default())
        }
    };
    let Some((before, after)) = pattern.split_once('*').filter(|(_, after)| !after.contains('*')) else {
        return Err(wrong("a pattern has one `*`, which stands for a file's number".into()));
    };
    let failed = |source| DataError::Io { place: folder.display().to_string(), source };
    let mut found: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(number) = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)) else { continue };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let Some(number) = number.parse().ok().filter(|_| is_number) else {
            let place = entry.path().display().to_string();
            return Err(DataError::format(
                &place,
                format!("fits {pattern}, but `{number}` is no number: move it away"),
            ));
        };
        found.push((number, entry.path()));
    }
    found.sort();
    let Some(first) = found.first().map(|(number, _)| *number) else {
        return Err(wrong(format!("holds no {pattern}: shards of a set are part-000.npy, part-001.npy, …")));
    };
    if first > 1 {
        return Err(wrong(format!(
            "{pattern} begins with {}, numbers begin with 0 or 1: files are missing",
            found[0].1.display()
        )));
    }
    for pair in found.windows(2) {
        let ((before, earlier), (number, later)) = (&pair[0], &pair[1]);
        let (earlier, later) = (earlier.display(), later.display());
        if number == before {
            return Err(wrong(format!("{earlier} and {later} have the same number: move one away")));
        }
        if *number > before + 1 {
            return Err(wrong(format!("{earlier} is followed by {later}: number {} is missing", before + 1)));
        }
    }
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
