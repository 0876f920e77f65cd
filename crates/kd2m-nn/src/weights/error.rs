//! Why a file of weights cannot be used.

use std::path::PathBuf;

use thiserror::Error;

use super::{check::Mismatch, finite::NotFinite, source::Source};

/// Why a weights file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// No file, or one that may not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder that is not there, a full disk.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A number that a half does not hold.
    #[error("cannot write {} in half precision: {tensor} holds {value}, beyond ±65504", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The first tensor that holds one.
        tensor: String,
        /// The number.
        value: f32,
    },
    /// A folder with no weights in it, or several.
    #[error("{}: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is there.
        reason: String,
    },
    /// A repository of the Hugging Face hub that is not on this machine.
    #[error("{name} {why}")]
    Hub {
        /// As it was named.
        name: String,
        /// What lacks, and how to come by it.
        why: String,
    },
    /// Bytes that are none of the formats, or a damaged file.
    #[error("{} is not a readable weights file: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Tensors of another network.
    #[error("{file} does not fit {graph}{}: {mismatch}", but(likely))]
    Unfit {
        /// The file, and the state dict in it.
        file: Source,
        /// The network.
        graph: String,
        /// The tensors that do not fit.
        mismatch: Box<Mismatch>,
        /// The network of ours that it is most like, or another hint.
        likely: Option<String>,
    },
    /// The state dict that was named does not fit, another of the file does.
    #[error("{file} does not fit {graph}: {mismatch}; {fits} would: name it as {}#KEY to take it", file.path.display())]
    OtherFits {
        /// The file, and the state dict in it.
        file: Source,
        /// The network.
        graph: String,
        /// The tensors that do not fit.
        mismatch: Box<Mismatch>,
        /// The one that fits.
        fits: String,
    },
    /// No state dict under this key.
    #[error("{} has no state dict `{key}`; it has {known}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// As it was named.
        key: String,
        /// Those that there are.
        known: String,
    },
    /// Weights with NaN or infinities.
    #[error("{}: {found}: such weights spoil every output, get or save them again", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The first such tensor, and how many there are.
        found: NotFinite,
    },
}

fn but(likely: &Option<String>) -> String {
    likely.as_ref().map_or_else(String::new, |likely| format!(", {likely}"))
}
