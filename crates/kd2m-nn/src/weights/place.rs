//! Where the weights lie that are named.

use std::path::PathBuf;

use super::{WeightsError, files::in_folder, hub::Repository, source::Source};

impl Source {
    /// The file itself: in a folder the usual one (`model.safetensors`, …) or the only one that may hold weights; of `hf:OWNER/NAME` the
    /// same in the cache of the hub's programs.
    ///
    /// # Errors
    /// A folder with none, or several; a repository that is not in the cache.
    pub fn file(&self) -> Result<PathBuf, WeightsError> {
        if let Some(repository) = Repository::parse(&self.path)? {
            return repository.local();
        }
        if self.path.is_dir() { in_folder(&self.path) } else { Ok(self.path.clone()) }
    }
}
