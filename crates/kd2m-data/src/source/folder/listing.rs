//! How a folder of images that has changed is known without reading it: by the paths, sizes and times of its files.

use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use sha2::{Digest, Sha256};

use crate::DataError;
use crate::dataset::hexadecimal;

/// SHA-256 of the sorted list; paths begin below `folder`, times are whole seconds, which every copy that keeps times keeps.
pub(super) fn listing<'a>(folder: &Path, files: impl Iterator<Item = &'a PathBuf>) -> Result<String, DataError> {
    let line = |path: &PathBuf| {
        let failed = |source| DataError::Io { place: path.display().to_string(), source };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        let seconds = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let inside = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
        Ok(format!("{inside}\0{}\0{}\n", metadata.len(), seconds.map_or(0, |seconds| seconds.as_secs())))
    };
    let mut lines = files.map(line).collect::<Result<Vec<String>, DataError>>()?;
    lines.sort();
    Ok(hexadecimal(Sha256::new_with_prefix(lines.concat())))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    #[test]
    fn a_file_that_is_renamed_grows_or_is_written_later_is_noticed_and_another_place_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |root: &Path, name: &str, bytes: &str, seconds: u64| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
            path
        };
        let mut count = 0;
        let mut sum = |files: [(&str, &str, u64); 2], backwards: bool| {
            count += 1;
            let root = folder.path().join(count.to_string());
            let mut paths: Vec<PathBuf> =
                files.iter().map(|(name, bytes, seconds)| write(&root, name, bytes, *seconds)).collect();
            if backwards {
                paths.reverse();
            }
            listing(&root, paths.iter()).unwrap()
        };
        let base = sum([("train/a/1.png", "x", 5), ("train/b/2.png", "y", 6)], false);
        assert_eq!(base, sum([("train/a/1.png", "x", 5), ("train/b/2.png", "y", 6)], true));
        for other in [
            [("train/a/3.png", "x", 5), ("train/b/2.png", "y", 6)],
            [("train/a/1.png", "xx", 5), ("train/b/2.png", "y", 6)],
            [("train/a/1.png", "x", 7), ("train/b/2.png", "y", 6)],
        ] {
            assert_ne!(base, sum(other, false), "{other:?}");
        }
    }
}
