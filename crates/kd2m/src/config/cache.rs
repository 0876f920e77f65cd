//! Where a teacher's outputs are remembered: `teacher.cache`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, ser::Error as _};

/// How the word begins by which outputs of drawn views are stored.
const VIEWS: &str = "views";

/// Where a teacher's outputs are remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "`teacher.cache` is true, false, a folder, \"views\" or \"views:DIR\"")]
pub enum TeacherCache {
    /// In the folder of the run while it lasts (of a grid: beside the teacher), or not at all.
    Switch(bool),
    /// Those of views that are drawn, too.
    Views(#[schemars(with = "String")] DrawnViews),
    /// In this folder, for every run that names it.
    Folder(PathBuf),
}

/// `views` or `views:DIR`: outputs of views that are drawn are stored by (seed, epoch, image); where no folder is named, as with `true`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DrawnViews(pub Option<PathBuf>);

impl TryFrom<String> for DrawnViews {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.strip_prefix(VIEWS) {
            Some("" | ":") => Ok(Self(None)),
            Some(rest) if rest.starts_with(':') => Ok(Self(Some(PathBuf::from(&rest[1..])))),
            _ => Err("is a folder"),
        }
    }
}

impl Serialize for DrawnViews {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            None => serializer.serialize_str(VIEWS),
            Some(folder) => match folder.to_str() {
                Some(text) => serializer.serialize_str(&format!("{VIEWS}:{text}")),
                None => Err(S::Error::custom("path contains invalid UTF-8 characters")),
            },
        }
    }
}

impl TeacherCache {
    /// False only when it was switched off.
    pub fn is_on(&self) -> bool {
        *self != TeacherCache::Switch(false)
    }

    /// Whether outputs of drawn views are stored, which rounds them.
    pub fn has_views(&self) -> bool {
        matches!(self, TeacherCache::Views(_))
    }

    /// The folder that it names.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            TeacherCache::Folder(folder) | TeacherCache::Views(DrawnViews(Some(folder))) => Some(folder),
            TeacherCache::Switch(_) | TeacherCache::Views(DrawnViews(None)) => None,
        }
    }

    /// The same to be changed.
    pub(super) fn folder_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            TeacherCache::Folder(folder) | TeacherCache::Views(DrawnViews(Some(folder))) => Some(folder),
            TeacherCache::Switch(_) | TeacherCache::Views(DrawnViews(None)) => None,
        }
    }

    /// What of it decides a bit of what is found: not where it lies, but whether outputs are rounded.
    #[cfg(any(feature = "bench", test))]
    pub(crate) fn forget_place(&mut self) {
        *self = if self.has_views() { TeacherCache::Views(DrawnViews(None)) } else { TeacherCache::default() };
    }
}

impl Default for TeacherCache {
    fn default() -> Self {
        TeacherCache::Switch(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    #[test]
    fn the_word_is_told_from_folders_and_comes_back_as_it_was() {
        let views = |folder: Option<&str>| TeacherCache::Views(DrawnViews(folder.map(PathBuf::from)));
        for (text, expected) in [
            ("true", TeacherCache::Switch(true)),
            ("views", views(None)),
            ("views:a/b", views(Some("a/b"))),
            ("viewsof", TeacherCache::Folder("viewsof".into())),
            ("./views", TeacherCache::Folder("./views".into())),
        ] {
            let mut source = Source::demo().unwrap();
            source.set(&format!("teacher.cache={text}")).unwrap();
            let config = source.resolve().unwrap();
            assert_eq!(config.teacher.cache, expected, "{text}");
            let again = Source::parse("again", &config.to_toml().unwrap()).unwrap().resolve().unwrap();
            assert_eq!(again.teacher.cache, expected, "{text}");
            let mut forgotten = expected.clone();
            forgotten.forget_place();
            assert_eq!(forgotten.has_views(), expected.has_views());
            assert_eq!(forgotten.folder(), None);
        }
    }
}
