//! What can be wrong with a data set on disk; each message is one sentence that says what, where and what to do.

use std::path::PathBuf;

use thiserror::Error;

/// Bad input to this crate: a name, a path or the content of a file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    #[error("unknown data set `{name}`: {hint}")]
    UnknownDataset { name: String, hint: String },
    #[error("{dataset} is read from files, but no folder is given: pass --data-root DIR, where DIR holds {expected}")]
    NoRoot { dataset: &'static str, expected: &'static str },
    #[error("{dataset}: {file} is missing (looked for {}): {help}", list(.looked))]
    Missing { dataset: &'static str, file: String, looked: Vec<PathBuf>, help: String },
    #[error("the data root {} does not exist: --data-root names the folder that holds {expected}", .root.display())]
    RootMissing { root: PathBuf, expected: &'static str },
    #[error("cannot read {place}: {source}")]
    Io { place: String, source: std::io::Error },
    #[error("cannot write {place}: {source}")]
    Write { place: String, source: std::io::Error },
    /// A file, or a file in an archive, that breaks its format.
    #[error("{place}: {problem}")]
    Format { place: String, problem: String },
    #[error(
        "{place}: record {record} (counted from 0) has {kind} {label}, expected {expected}: the file is damaged or belongs to another data set"
    )]
    Label { place: String, record: usize, kind: &'static str, label: f64, expected: String },
    #[error(
        "unknown augmentation `{text}`: expected none, crop:PADDING, crop-flip:PADDING or affine:DEGREES,TRANSLATE,SCALE (as crop-flip:4 or affine:10,0.1,0.1)"
    )]
    Augment { text: String },
    #[error("sample {index} is asked for, but {dataset} has {count} there: the indices belong to another data set")]
    Index { dataset: String, index: u32, count: usize },
    #[error("cannot start the loader's thread ({source}): the system allows no more threads for this user")]
    Thread { source: std::io::Error },
    #[error("{text:?} is no portion: write NUMBER/OF, e.g. 1/2 for the first of two halves")]
    Portion { text: String },
}

impl DataError {
    pub(crate) fn format(place: &str, problem: impl Into<String>) -> Self {
        Self::Format { place: place.to_owned(), problem: problem.into() }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}
