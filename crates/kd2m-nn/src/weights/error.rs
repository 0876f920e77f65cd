//! Why a file of weights cannot be used.

use std::path::PathBuf;

use thiserror::Error;

use super::{check::Mismatch, finite::NotFinite, source::Source};

/// Why a weights file cannot be used.
#[derive(Debug, Error)]
pub enum WeightsError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{} is not a readable weights file: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("{file} does not fit {graph}: {mismatch}")]
    Unfit { file: Source, graph: String, mismatch: Mismatch },
    #[error("{file} does not fit {graph}: {mismatch}; {fits} would: name it as {}#KEY to take it", file.path.display())]
    OtherFits { file: Source, graph: String, mismatch: Mismatch, fits: String },
    #[error("{} has no state dict `{key}`; it has {known}", path.display())]
    NoKey { path: PathBuf, key: String, known: String },
    #[error("{}: {found}: such weights spoil every output, get or save them again", path.display())]
    NotFinite { path: PathBuf, found: NotFinite },
}
