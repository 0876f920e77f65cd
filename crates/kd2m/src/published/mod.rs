//! Data sets as their makers publish them: whether what is on this machine is that (`kd2m data verify`), and how it comes here
//! (`kd2m data download`, `download.rs`; `unpack.rs` unpacks archives that are not read as they are).

mod download;
mod unpack;

use std::path::{Path, PathBuf};

pub use download::download;
use kd2m_data::{Publication, Published, load, published};

use crate::{Error, sums};

/// A published file beside what is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    /// As it is published.
    pub file: Published,
    /// Where it is, and its MD5; none: it is in none of the places where it is looked for.
    pub found: Option<(PathBuf, String)>,
}

impl CheckedFile {
    /// Whether it is there as it is published.
    pub fn is_right(&self) -> bool {
        self.found.as_ref().is_some_and(|(_, sum)| sum == self.file.md5)
    }
}

/// The content of a data set, whatever it is packed in: its checksum of pixels and labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedContent {
    /// Of the published data set.
    pub expected: &'static str,
    /// Of what is on this machine.
    pub found: String,
}

/// A data set beside what is published of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// File by file.
    pub files: Vec<CheckedFile>,
    /// Where the published content's sum is known and there is something to read.
    pub content: Option<CheckedContent>,
}

impl Verified {
    /// Whether anything of it is there.
    pub fn is_there(&self) -> bool {
        self.content.is_some() || self.files.iter().any(|file| file.found.is_some())
    }

    /// Whether it is whole and what was published: by its content where that is known, else by all its files.
    pub fn is_right(&self) -> bool {
        match &self.content {
            Some(content) => content.expected == content.found,
            None => self.files.iter().all(CheckedFile::is_right),
        }
    }
}

/// What is published of a data set.
///
/// # Errors
/// One of no published files: embedded, the user's own, or unknown.
pub fn publication(name: &str) -> Result<&'static Publication, Error> {
    published(name).ok_or_else(|| {
        let known: Vec<&str> =
            kd2m_data::registry().iter().map(|e| e.name).filter(|n| published(n).is_some()).collect();
        let why = match kd2m_data::registry().iter().any(|entry| entry.name == name) {
            true => "is embedded or your own, nothing is published of it".to_owned(),
            false => format!("is no data set whose files are published; known are {}", known.join(", ")),
        };
        Error::Published { name: name.to_owned(), why }
    })
}

/// Compares what lies below `root` with what is published.
///
/// # Errors
/// A data set of no published files; a file that cannot be read.
pub fn verify(name: &str, root: &Path) -> Result<Verified, Error> {
    let publication = publication(name)?;
    let check = |file: &Published| {
        let place = publication.places(file).into_iter().map(|place| root.join(place)).find(|place| place.is_file());
        let found = place.map(|place| Ok::<_, Error>((place.clone(), sums::md5_of_file(&place)?))).transpose()?;
        Ok(CheckedFile { file: *file, found })
    };
    let files = publication.files.iter().map(check).collect::<Result<Vec<_>, Error>>()?;
    let known = publication.contents.iter().find(|(own, _)| *own == name);
    // Files that are as published need no second look; what cannot be read has no content.
    let content = match known.filter(|_| !files.iter().all(CheckedFile::is_right)) {
        Some((_, expected)) => {
            load(name, Some(root)).ok().map(|found| CheckedContent { expected, found: found.checksum() })
        }
        None => None,
    };
    Ok(Verified { files, content })
}
