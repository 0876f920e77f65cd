//! How weights are named: `FILE`, or `FILE#KEY` for one of several state dicts in it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::called::{PREFIX, may_be_weights};

/// A file and the state dict meant in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file, or a folder that holds it.
    pub path: PathBuf,
    /// Keys that lead to the state dict, joined by dots; none: whichever fits.
    pub key: Option<String>,
}

impl Source {
    /// Splits at the last `#`; a file whose own name holds one is taken whole, and so is a file of a repository of the hub.
    pub fn parse(text: &Path) -> Self {
        let whole = || Self { path: text.to_owned(), key: None };
        if text.exists() {
            return whole();
        }
        match text.to_str().and_then(|t| t.rsplit_once('#')) {
            Some((path, file)) if path.starts_with(PREFIX) && may_be_weights(file) => whole(),
            Some((path, key)) if !path.is_empty() && !key.is_empty() => {
                Self { path: path.into(), key: Some(key.to_owned()) }
            }
            _ => whole(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.key.iter().try_for_each(|key| write!(f, "#{key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_follows_the_last_hash_unless_the_file_is_called_so() {
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().join("run#3.pth");
        std::fs::write(&named, "").unwrap();
        assert_eq!(Source::parse(&named), Source { path: named.clone(), key: None });
        let keyed = PathBuf::from(format!("{}#model_ema", named.display()));
        assert_eq!(Source::parse(&keyed), Source { path: named, key: Some("model_ema".into()) });
        for plain in ["t.pth", "t.pth#", "#key"] {
            assert_eq!(Source::parse(Path::new(plain)), Source { path: plain.into(), key: None });
        }
        assert_eq!(Source::parse(Path::new("a/t.pth#x.y")).to_string(), "a/t.pth#x.y");
        for (text, path, key) in [
            ("hf:a/b#model_ema", "hf:a/b", Some("model_ema")),
            ("hf:a/b@v1#t.pth", "hf:a/b@v1#t.pth", None),
            ("hf:a/b#t.pth#nets.ema", "hf:a/b#t.pth", Some("nets.ema")),
        ] {
            let source = Source { path: path.into(), key: key.map(str::to_owned) };
            assert_eq!(Source::parse(Path::new(text)), source);
        }
    }
}
