//! Where the checkpoints of a network lie: the newest in `checkpoint`, the one before in `checkpoint.old`. A newer one is written
//! under a temporary name; the newest becomes the one before by its name, and the newer takes its place by its name, so that at every
//! moment one of them is whole.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{Error, files};

/// The places in the folder of one network.
#[derive(Debug, Clone)]
pub struct Places {
    folder: PathBuf,
}

impl Places {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub fn newest(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    pub fn before(&self) -> PathBuf {
        self.folder.join("checkpoint.old")
    }

    /// Where older versions of kd2m wrote the next one.
    fn next(&self) -> PathBuf {
        self.folder.join("checkpoint.new")
    }

    /// The places where one lies, the newest first.
    pub fn there(&self) -> impl Iterator<Item = PathBuf> {
        let next = Some(self.next()).filter(|next| next.join(super::state::STATE).is_file());
        [self.newest(), self.before()].into_iter().filter(|place| place.is_dir()).chain(next)
    }

    /// A new folder to write the next one in.
    ///
    /// # Errors
    /// The disk.
    pub fn fresh(&self) -> Result<TempDir, Error> {
        files::temporary_folder(&self.folder)
    }

    /// Makes a whole folder the newest checkpoint.
    ///
    /// # Errors
    /// The disk; a whole checkpoint stays.
    pub fn put(&self, fresh: TempDir) -> Result<(), Error> {
        let (newest, before) = (self.newest(), self.before());
        let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(|source| Error::io("rename", from, source));
        if newest.is_dir() {
            files::discard(&before)?;
            rename(&newest, &before)?;
        }
        rename(fresh.path(), &newest)?;
        // It is no longer where its guard would remove it.
        let _ = fresh.keep();
        files::sync_folder(&self.folder)
    }

    /// Removes all of them.
    ///
    /// # Errors
    /// The disk.
    pub fn clear(&self) -> Result<(), Error> {
        [self.newest(), self.before(), self.next()].iter().try_for_each(|place| files::discard(place))
    }
}
