//! What can be wrong with a data set on disk; each message is one sentence that says what, where and what to do.

use std::path::PathBuf;

use thiserror::Error;

use crate::augment::FORMS;

/// Bad input to this crate: a name, a path or the content of a file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A name that is in no registry.
    #[error("unknown data set `{name}`: {hint}")]
    UnknownDataset {
        /// What was asked for.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// A data set that is read from files, without a folder.
    #[error("{dataset} is read from files, but no folder is given: pass --data-root DIR, where DIR holds {expected}")]
    NoRoot {
        /// Its name.
        dataset: &'static str,
        /// What the folder has to hold.
        expected: &'static str,
    },
    /// A file of a data set that is not under the data root.
    #[error("{dataset}: {file} is missing (looked for {}): {help}", list(.looked))]
    Missing {
        /// The data set's name.
        dataset: &'static str,
        /// The file.
        file: String,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
        /// Where to get it, or what to do.
        help: String,
    },
    /// A data root that is not there.
    #[error("the data root {} does not exist: --data-root names the folder that holds {expected}", .root.display())]
    RootMissing {
        /// The folder as it was named.
        root: PathBuf,
        /// What it has to hold.
        expected: &'static str,
    },
    /// A file that cannot be read.
    #[error("cannot read {place}: {source}")]
    Io {
        /// The file, with the one in it where it is an archive.
        place: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {place}: {source}")]
    Write {
        /// The file.
        place: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file, or a file in an archive, that breaks its format.
    #[error("{place}: {problem}")]
    Format {
        /// The file, and where in it.
        place: String,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// An image file that is not what it was when the data set was loaded.
    #[error(
        "{place}: has changed since its folder was read ({how}): leave the images as they are while a command works with them"
    )]
    Changed {
        /// The file.
        place: String,
        /// What is not as it was.
        how: &'static str,
    },
    /// An image that is broken, cut off or none.
    #[error("{place}: cannot be decoded ({why}): remove it or get it again{others}")]
    Undecodable {
        /// The file.
        place: String,
        /// What is wrong with it.
        why: String,
        /// What else cannot be, where others are broken too; follows the sentence.
        others: String,
    },
    /// A label that the data set cannot have.
    #[error(
        "{place}: record {record} (counted from 0) has {kind} {label}, expected {expected}: the file is damaged or belongs to another data set"
    )]
    Label {
        /// The file.
        place: String,
        /// Counted from 0.
        record: usize,
        /// `label`, or which of several labels.
        kind: &'static str,
        /// What stands there.
        label: f64,
        /// What it may be.
        expected: String,
    },
    /// Text that names no augmentation.
    #[error("unknown augmentation {}: expected {FORMS}", within(.part.as_deref(), .text))]
    Augment {
        /// What was written.
        text: String,
        /// Which part of it is unknown; none: the whole.
        part: Option<String>,
    },
    /// An index beyond the samples of a part.
    #[error("sample {index} is asked for, but {dataset} has {count} there: the indices belong to another data set")]
    Index {
        /// The data set's name.
        dataset: String,
        /// What was asked for.
        index: u32,
        /// How many samples there are.
        count: usize,
    },
    /// The loader's thread cannot be started.
    #[error("cannot start the loader's thread ({source}): the system allows no more threads for this user")]
    Thread {
        /// What the system says.
        source: std::io::Error,
    },
    /// Text that is no portion.
    #[error("{text:?} is no portion: write NUMBER/OF, e.g. 1/2 for the first of two halves")]
    Portion {
        /// What was written.
        text: String,
    },
}

/// Files of which a sentence says the names.
const NAMED: usize = 20;

impl DataError {
    pub(crate) fn format(place: &str, problem: impl Into<String>) -> Self {
        Self::Format { place: place.to_owned(), problem: problem.into() }
    }

    /// The same of a file with which others cannot be used either: whoever mends one would meet the next.
    pub(crate) fn with_others(self, others: &[PathBuf]) -> Self {
        if others.is_empty() {
            return self;
        }
        let more = others.len().saturating_sub(NAMED);
        let beyond = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown = list(&others[..others.len() - more]);
        let told = format!("; {} more cannot be read either: {shown}{beyond}", others.len());
        match self {
            Self::Format { place, problem } => Self::Format { place, problem: problem + &told },
            Self::Undecodable { place, why, .. } => Self::Undecodable { place, why, others: told },
            other => other,
        }
    }
}

/// `part` in `text`
fn within(part: Option<&str>, text: &str) -> String {
    part.map_or_else(|| format!("`{text}`"), |part| format!("`{part}` in `{text}`"))
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}
