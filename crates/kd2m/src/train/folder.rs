//! The run folder: where things are, and when it may be written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Config, Error, config::Source, files};

/// The configuration of a run.
///
/// # Errors
/// A file that cannot be read or is no configuration.
pub fn read_config(folder: &RunFolder) -> Result<Config, Error> {
    let path = folder.config();
    Source::parse(&path.display().to_string(), &files::read_text(&path)?)?.resolve()
}

/// What to do with a folder that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// An error.
    #[default]
    Refuse,
    /// Go on where it stands; start when there is none.
    Resume,
    /// Remove it first, if it is a run folder.
    Overwrite,
}

/// The first line of every `config.toml` that we write: how a run folder is known.
const MARK: &str = "# A kd2m run: the configuration as it was resolved.";

/// Paths of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Makes or opens the folder of a run and writes its resolved configuration.
    ///
    /// # Errors
    /// A folder that is there already, that is no run folder, or whose run had another configuration.
    pub fn create(root: &Path, config: &Config, existing: Existing) -> Result<Self, Error> {
        let folder = Self { root: root.to_owned() };
        let text = saved(config)?;
        if root.exists() {
            match existing {
                Existing::Refuse => {
                    return Err(Error::RunFolder(format!(
                        "{} exists: go on with --resume, replace it with --overwrite, or choose another --out",
                        root.display()
                    )));
                }
                Existing::Overwrite if folder.is_run() => {
                    fs::remove_dir_all(root).map_err(|source| Error::io("remove", root, source))?;
                }
                Existing::Overwrite => {
                    return Err(Error::RunFolder(format!(
                        "{} is no run folder (it has no config.toml of ours), it is left alone: choose another --out",
                        root.display()
                    )));
                }
                Existing::Resume if folder.is_run() => {
                    let old = files::read_text(&folder.config())?;
                    // A folder of an older version may hold relative paths.
                    let old = read_config(&folder).and_then(|config| saved(&config)).unwrap_or(old);
                    if old != text {
                        return Err(Error::RunFolder(format!(
                            "{} was made with another configuration (first difference: {}); --resume needs the same one",
                            folder.config().display(),
                            first_difference(&old, &text)
                        )));
                    }
                    return Ok(folder);
                }
                Existing::Resume if is_empty(root) => {}
                Existing::Resume => {
                    return Err(Error::RunFolder(format!("{} is no run folder: choose another --out", root.display())));
                }
            }
        }
        files::make_folder(root)?;
        files::write(&folder.config(), text.as_bytes())?;
        Ok(folder)
    }

    /// Opens a finished or unfinished run.
    ///
    /// # Errors
    /// No `config.toml` of ours there.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let folder = Self { root: root.to_owned() };
        match folder.is_run() {
            true => Ok(folder),
            false => Err(Error::RunFolder(format!("{} is no run folder (no config.toml of ours)", root.display()))),
        }
    }

    /// Replaces the configuration by one that adds to it; whoever calls has checked that it does.
    ///
    /// # Errors
    /// The disk.
    pub fn rewrite(&self, config: &Config) -> Result<(), Error> {
        files::write(&self.config(), saved(config)?.as_bytes())
    }

    fn is_run(&self) -> bool {
        fs::read_to_string(self.config()).is_ok_and(|text| text.starts_with(MARK))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// What the run found, written when it ends.
    pub fn summary(&self) -> PathBuf {
        self.root.join("summary.json")
    }

    /// The page about the run.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// What the pages draw of features.
    pub fn pictures(&self) -> PathBuf {
        self.root.join("pictures.json")
    }

    /// The folder of the teacher.
    pub fn teacher(&self) -> PathBuf {
        self.root.join("teacher")
    }

    /// The weights of a teacher that was trained in the run.
    pub fn teacher_weights(&self) -> PathBuf {
        self.teacher().join("teacher.safetensors")
    }

    /// What is known of the teacher; its being there marks the teacher complete.
    pub fn teacher_summary(&self) -> PathBuf {
        self.teacher().join("summary.json")
    }

    /// The teacher's outputs that unpaired students are matched with.
    pub fn teacher_bank(&self) -> PathBuf {
        self.teacher().join("bank.safetensors")
    }

    /// Where the teacher's outputs are remembered until the run ends.
    pub fn teacher_cache(&self) -> PathBuf {
        self.teacher().join("cache")
    }

    /// Removes it; that it is not there is no error.
    ///
    /// # Errors
    /// The disk.
    pub fn remove_teacher_cache(&self) -> Result<(), Error> {
        let place = self.teacher_cache();
        match fs::remove_dir_all(&place) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &place, source)),
            _ => Ok(()),
        }
    }

    /// All seeds of an arm.
    pub fn arm(&self, arm: &str) -> PathBuf {
        self.root.join("students").join(arm)
    }

    /// The folder of one student.
    pub fn student(&self, arm: &str, seed: u64) -> PathBuf {
        self.arm(arm).join(format!("seed-{seed}"))
    }

    /// A student's weights after its last epoch.
    pub fn student_weights(&self, arm: &str, seed: u64) -> PathBuf {
        self.student(arm, seed).join("student.safetensors")
    }
}

/// The text of `config.toml`: all paths absolute, so that the run can be opened from any folder.
fn saved(config: &Config) -> Result<String, Error> {
    Ok(format!("{MARK}\n{}", config.clone().anchored().to_toml()?))
}

/// Nothing in it but what a process that was killed while writing may leave.
fn is_empty(folder: &Path) -> bool {
    let left = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|e| e.file_name().to_string_lossy().starts_with(files::TEMPORARY))
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(left))
}

fn first_difference(old: &str, new: &str) -> String {
    let mut lines = old.lines().zip(new.lines()).filter(|(a, b)| a != b);
    lines.next().map_or("its length".to_owned(), |(a, b)| format!("`{a}` there, `{b}` now"))
}
