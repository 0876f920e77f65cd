//! What is known of a data set before it is loaded: each source describes its own, the registry lists them.

use std::path::Path;

use crate::{DataError, Dataset};

/// A data set that can be loaded by name.
#[derive(Debug)]
pub struct Entry {
    /// What [`load`](crate::load) takes.
    pub name: &'static str,
    /// What it is, in one sentence with its sizes.
    pub about: &'static str,
    /// What is looked for under the data root; empty where nothing is needed.
    pub files: &'static str,
    /// Who made the data and under which terms.
    pub credit: &'static str,
    /// Whether the name is followed by a colon and a path, as in `folder:PATH`.
    pub takes_path: bool,
    /// `path` is what follows the colon, empty where `takes_path` is false.
    pub(crate) load: fn(path: &str, root: Option<&Path>) -> Result<Dataset, DataError>,
}
