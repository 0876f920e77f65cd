//! How a folder of images that has changed is known without reading it: by the paths, sizes and times of its files.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::dataset::hexadecimal;
use crate::stream::ImageFile;

/// SHA-256 of the sorted list; paths begin below `folder`.
pub(crate) fn listing(folder: &Path, files: &[ImageFile]) -> String {
    let mut lines: Vec<String> = files.iter().map(|file| file.line(folder)).collect();
    lines.sort();
    hexadecimal(Sha256::new_with_prefix(lines.concat()))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::PathBuf,
        time::{Duration, UNIX_EPOCH},
    };

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
            let files: Vec<ImageFile> = paths.into_iter().map(|path| ImageFile::new(path).unwrap()).collect();
            listing(&root, &files)
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
