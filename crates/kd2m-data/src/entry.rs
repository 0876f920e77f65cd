//! What is known of a data set before it is loaded: each source describes its own, the registry lists them.

use std::path::Path;

use crate::{DataError, Dataset, Reading};

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
    pub(crate) load: fn(Place) -> Result<Dataset, DataError>,
}

/// Where a data set is to be found, and how it is read.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// What follows the colon, empty where [`Entry::takes_path`] is false.
    pub path: &'a str,
    /// Folder of the data sets.
    pub root: Option<&'a Path>,
    /// How it is read.
    pub reading: &'a Reading<'a>,
}
