//! Repositories of the Hugging Face hub, `hf:OWNER/NAME`, `hf:OWNER/NAME@REVISION` and either with `#FILE`, and where the hub's own programs
//! keep them on this machine: `CACHE/models--OWNER--NAME/` with `refs/REVISION`, which holds a commit, and `snapshots/COMMIT/FILE`, a link
//! into `blobs/`. What lies there is read without asking anybody.

use std::{
    env, fmt, fs,
    path::{Component, Path, PathBuf},
};

pub use super::called::PREFIX;
use super::{
    WeightsError,
    called::{USUAL, is_index, may_be_weights, name_of},
    files,
};

/// The revision that is meant without one.
const MAIN: &str = "main";

/// A repository as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// `OWNER/NAME`.
    pub id: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The file in it; none: its weights.
    pub file: Option<String>,
}

impl Repository {
    /// What a path names; none where it is no `hf:…`.
    ///
    /// # Errors
    /// Anything else than an owner and a name, or a revision or file that leads elsewhere.
    pub fn parse(path: &Path) -> Result<Option<Self>, WeightsError> {
        let Some(text) = path.to_str().and_then(|text| text.strip_prefix(PREFIX)) else { return Ok(None) };
        let (rest, file) = text.split_once('#').map_or((text, None), |(rest, file)| (rest, Some(file)));
        let (id, revision) = rest.split_once('@').unwrap_or((rest, MAIN));
        let plain = |part: &str| {
            part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                && !part.is_empty()
                && !part.starts_with('.')
        };
        let two = id.split_once('/').is_some_and(|(owner, name)| plain(owner) && plain(name));
        if !two || ![Some(revision), file].into_iter().flatten().all(stays_within) {
            let why =
                "is no repository: write hf:OWNER/NAME, behind it @REVISION and #FILE where they matter".to_owned();
            return Err(WeightsError::Hub { name: path.display().to_string(), why });
        }
        Ok(Some(Self { id: id.to_owned(), revision: revision.to_owned(), file: file.map(str::to_owned) }))
    }

    /// Its folder in a cache.
    pub fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(format!("models--{}", self.id.replace('/', "--")))
    }

    /// Its files as they are in a cache, where they are.
    fn snapshot(&self, cache: &Path) -> Option<PathBuf> {
        let folder = self.folder(cache);
        let commit = fs::read_to_string(folder.join("refs").join(&self.revision)).ok();
        let commit = commit.map_or_else(|| self.revision.clone(), |text| text.trim().to_owned());
        Some(folder.join("snapshots").join(commit)).filter(|snapshot| snapshot.is_dir())
    }

    /// The file of weights in a cache, the first one of an index and its shards.
    ///
    /// # Errors
    /// Nothing of it lies there, or not that file; how to come by it.
    pub fn file_in(&self, cache: &Path) -> Result<PathBuf, WeightsError> {
        let fail = |why: String| WeightsError::Hub { name: self.to_string(), why };
        let Some(snapshot) = self.snapshot(cache) else {
            return Err(fail(format!(
                "is not in the cache of Hugging Face's programs ({}): `hf download {}` brings it there, or save its config.json and \
                 model.safetensors in a folder and name that",
                cache.display(),
                self.id
            )));
        };
        let file = match &self.file {
            None => files::in_folder(&snapshot)?,
            Some(name) => snapshot.join(name),
        };
        let is_missing = |file: &Path| !file.is_file();
        let missing = match is_missing(&file) {
            true => Some(file.clone()),
            false if is_index(&name_of(&file)) => files::shards(&file)?.into_iter().find(|shard| is_missing(shard)),
            false => None,
        };
        match missing {
            None => Ok(file),
            Some(path) => {
                let (file, cache) = (path.strip_prefix(&snapshot).unwrap_or(&path).display(), cache.display());
                Err(fail(format!(
                    "has no {file} in the cache of Hugging Face's programs ({cache}): `hf download {}` brings it there",
                    self.id
                )))
            }
        }
    }

    /// The same in the cache of this machine.
    ///
    /// # Errors
    /// As [`file_in`](Self::file_in).
    pub fn local(&self) -> Result<PathBuf, WeightsError> {
        let homeless = || WeightsError::Hub {
            name: self.to_string(),
            why: "cannot be looked for: nothing says where the cache is, set HF_HOME to a folder".to_owned(),
        };
        self.file_in(&cache().ok_or_else(homeless)?)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.id)?;
        if self.revision != MAIN {
            write!(f, "@{}", self.revision)?;
        }
        self.file.iter().try_for_each(|file| write!(f, "#{file}"))
    }
}

/// Whether a name of a revision or a file, its own parts joined by `/`, leads nowhere but below where it starts.
pub fn stays_within(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && !name.contains('\\') && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// The file of weights among these names of a repository: the usual one, or the only one that may hold weights.
///
/// # Errors
/// What is there instead.
pub fn weights_among<'a>(names: &[&'a str]) -> Result<&'a str, String> {
    if let Some(usual) = USUAL.iter().find_map(|usual| names.iter().find(|name| *name == usual)) {
        return Ok(usual);
    }
    let found: Vec<&str> = names.iter().copied().filter(|name| may_be_weights(name)).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(format!("holds no weights ({})", USUAL.join(", "))),
        _ => Err(format!("holds several files of weights ({}): name one as #FILE", found.join(", "))),
    }
}

/// Names of the shards of an index with this text, which stands or will stand at a place.
///
/// # Errors
/// A text that is no index, or that names files elsewhere.
pub fn shards_of(place: &Path, text: &[u8]) -> Result<Vec<String>, WeightsError> {
    Ok(files::shards_in(place, text)?.iter().map(|shard| name_of(shard)).collect())
}

/// The cache of Hugging Face's programs, by the variables that they read; none where nothing says even where the user's home is.
pub fn cache() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE")).or_else(|| Some(home()?.join("hub")))
}

/// What else they keep: the token, for one.
pub fn home() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = || variable("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")));
    variable("HF_HOME").or_else(|| Some(caches()?.join("huggingface")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_owner_and_a_name() {
        let parsed = |text: &str| Repository::parse(Path::new(text));
        let found = parsed("hf:timm/resnet18.a1_in1k@refs/pr/1#weights/model.safetensors").unwrap().unwrap();
        let [id, revision, file] =
            ["timm/resnet18.a1_in1k", "refs/pr/1", "weights/model.safetensors"].map(str::to_owned);
        assert_eq!(found, Repository { id, revision, file: Some(file) });
        assert_eq!(found.to_string(), "hf:timm/resnet18.a1_in1k@refs/pr/1#weights/model.safetensors");
        assert_eq!(parsed("hf:a/b").unwrap().unwrap().to_string(), "hf:a/b");
        assert_eq!(parsed("a/b").unwrap(), None);
        for wrong in [
            "hf:",
            "hf:a",
            "hf:a/",
            "hf:a/b/c",
            "hf:../b",
            "hf:a/..",
            "hf:a/b@..",
            "hf:a/b@x/../..",
            "hf:a/b#/etc",
            "hf:a/b#",
        ] {
            let said = parsed(wrong).unwrap_err().to_string();
            assert!(said.starts_with(wrong) && said.contains("hf:OWNER/NAME"), "{said}");
        }
    }

    #[test]
    fn what_the_hub_s_programs_downloaded_is_found() {
        let cache = tempfile::tempdir().unwrap();
        let repository = |text: &str| Repository::parse(Path::new(text)).unwrap().unwrap();
        let missing = |text: &str| repository(text).file_in(cache.path()).unwrap_err().to_string();
        assert!(missing("hf:a/b").contains("`hf download a/b`"), "{}", missing("hf:a/b"));
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let place = cache.path().join("models--a--b");
        let snapshot = place.join("snapshots").join(commit);
        for folder in [&snapshot, &place.join("refs")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(place.join("refs/main"), commit).unwrap();
        fs::write(snapshot.join("config.json"), "{}").unwrap();
        assert!(missing("hf:a/b").contains("holds no weights"));
        fs::write(snapshot.join("pytorch_model.bin"), "x").unwrap();
        assert_eq!(repository("hf:a/b").file_in(cache.path()).unwrap(), snapshot.join("pytorch_model.bin"));
        let by_commit = format!("hf:a/b@{commit}");
        assert_eq!(repository(&by_commit).file_in(cache.path()).unwrap(), snapshot.join("pytorch_model.bin"));
        assert!(missing("hf:a/b@v1").contains("is not in the cache"));
        assert!(missing("hf:a/b#other.safetensors").contains("has no other.safetensors in the cache"));
        // A shard that did not come along.
        let index = r#"{"weight_map": {"x": "one.safetensors"}}"#;
        fs::write(snapshot.join("model.safetensors.index.json"), index).unwrap();
        assert!(missing("hf:a/b").contains("one.safetensors"), "{}", missing("hf:a/b"));
    }
}
