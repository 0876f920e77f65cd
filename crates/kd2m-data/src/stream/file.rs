//! An image file, and how one that has changed since it was listed is known without reading it.

use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use crate::DataError;

/// An image file as it was when its folder was listed.
#[derive(Debug, Clone)]
pub(crate) struct ImageFile {
    /// Where it lies.
    pub path: PathBuf,
    stamp: Stamp,
}

/// Size and time of a file; whole seconds, which every copy that keeps times keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    seconds: u64,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, DataError> {
        let failed = |source| DataError::Io { place: path.display().to_string(), source };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self { bytes: metadata.len(), seconds: since.map_or(0, |since| since.as_secs()) })
    }
}

impl ImageFile {
    /// The file as it is now.
    ///
    /// # Errors
    /// A file that is not there or cannot be asked.
    pub fn new(path: PathBuf) -> Result<Self, DataError> {
        let stamp = Stamp::of(&path)?;
        Ok(Self { path, stamp })
    }

    /// Its path below `folder`, size and time: what a listing holds of it.
    pub fn line(&self, folder: &Path) -> String {
        let inside = self.path.strip_prefix(folder).unwrap_or(&self.path).to_string_lossy().replace('\\', "/");
        format!("{inside}\0{}\0{}\n", self.stamp.bytes, self.stamp.seconds)
    }

    /// Whether it is as it was listed.
    ///
    /// # Errors
    /// A file that is gone or has another size or time.
    pub fn check(&self) -> Result<(), DataError> {
        if Stamp::of(&self.path)? == self.stamp {
            return Ok(());
        }
        Err(self.changed("its size or time is another"))
    }

    /// The error of a file that is not what it was.
    pub fn changed(&self, how: &'static str) -> DataError {
        DataError::Changed { place: self.path.display().to_string(), how }
    }
}
