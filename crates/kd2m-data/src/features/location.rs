//! Where an array lies: a file, and a key inside it where the file holds several (`features.npz:train`).

use std::fmt;
use std::path::PathBuf;

/// A file and, after a colon, the name of an array in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub path: PathBuf,
    /// The array's name in a file that holds several.
    pub key: Option<String>,
}

impl Location {
    /// Reads `file` or `file:key`. A colon separates only where what stands before it is a file or ends like one that has keys,
    /// so that names with colons and Windows' drive letters stay whole.
    pub fn parse(text: &str) -> Self {
        let whole = Self { path: text.into(), key: None };
        if whole.path.is_file() {
            return whole;
        }
        let has_keys = |file: &str| [".npz", ".safetensors"].iter().any(|end| file.to_ascii_lowercase().ends_with(end));
        let split = |at: usize| (&text[..at], &text[at + 1..]);
        text.match_indices(':')
            .map(|(at, _)| split(at))
            .find(|(file, _)| has_keys(file) || PathBuf::from(file).is_file())
            .map_or(whole, |(file, key)| Self { path: file.into(), key: Some(key.to_owned()) })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            None => write!(f, "{}", self.path.display()),
            Some(key) => write!(f, "{}:{key}", self.path.display()),
        }
    }
}
