//! What can be wrong with stored views. It stands by itself: engines and teachers both say it.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a teacher's outputs of drawn views cannot be read or stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewsError {
    /// A file that is not as it was written: nothing is learned from it.
    #[error(
        "{} {why}: remove it, and what the teacher says to its views is computed anew (bit for bit the same on the same machine and threads)",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file or folder that cannot be used.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// `read`, `write` or another verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A number beyond the range of half precision.
    #[error(
        "teacher.cache = \"views\" stores outputs in half precision, up to 65504, and the teacher says {value:e}: set teacher.cache = true"
    )]
    TooLarge {
        /// The number.
        value: f32,
    },
}

impl ViewsError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    pub(super) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }
}
