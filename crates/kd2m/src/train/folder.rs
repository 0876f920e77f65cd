//! The run folder: where things are, and when it may be written.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::owner;
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

/// The second line while `--overwrite` removes what the folder held.
const REPLACED: &str = "# Being replaced: --overwrite or --resume begins anew.";

/// The configuration's file.
const CONFIG: &str = "config.toml";

/// Counts of a network's answers.
const ANSWERS: &str = "answers.json";

/// Paths of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Makes or opens the folder of a run and writes its resolved configuration.
    ///
    /// # Errors
    /// As [`admit`](Self::admit) and [`begin`](Self::begin).
    pub fn create(root: &Path, config: &Config, existing: Existing) -> Result<Self, Error> {
        Self::admit(root, existing)?;
        Self::begin(root, config, existing)
    }

    /// Whether a run may have this folder, which is made where it is not there.
    ///
    /// # Errors
    /// A folder that is there already, or that is no run folder.
    pub fn admit(root: &Path, existing: Existing) -> Result<(), Error> {
        let refuse = |why: &str| Err(Error::RunFolder(format!("{} {why}", root.display())));
        if !root.exists() {
            if root.is_symlink() {
                return refuse("is a link to a folder that is not there: make that folder, or choose another --out");
            }
            if let Some(parent) = root.parent() {
                files::make_folder(parent)?;
            }
            match fs::create_dir(root) {
                // Of two processes that begin here at once, one made it.
                Err(source) if source.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map_err(|source| Error::io("create", root, source)),
            }
        }
        let folder = Self { root: root.to_owned() };
        match existing {
            Existing::Refuse => {
                refuse("exists: go on with --resume, replace it with --overwrite, or choose another --out")
            }
            Existing::Overwrite | Existing::Resume if folder.is_run() || is_empty(root) => Ok(()),
            Existing::Overwrite => {
                refuse("is no run folder (it has no config.toml of ours), it is left alone: choose another --out")
            }
            Existing::Resume => refuse("is no run folder: choose another --out"),
        }
    }

    /// Begins or goes on in a folder that was admitted.
    ///
    /// # Errors
    /// A run with another configuration; the disk.
    pub fn begin(root: &Path, config: &Config, existing: Existing) -> Result<Self, Error> {
        let folder = Self { root: root.to_owned() };
        let text = saved(config)?;
        if folder.is_run() {
            if existing == Existing::Overwrite || folder.is_being_replaced() {
                folder.clear()?;
            } else {
                folder.compare(&text)?;
                return Ok(folder);
            }
        }
        // That it is not there tells a run of an older version; the configuration, written last, a run.
        files::write(&folder.inputs(), b"{}\n")?;
        files::write(&folder.config(), text.as_bytes())?;
        Ok(folder)
    }

    /// Refuses to go on with another configuration.
    fn compare(&self, text: &str) -> Result<(), Error> {
        let old = files::read_text(&self.config())?;
        // A folder of an older version may hold relative paths.
        let old = read_config(self).and_then(|config| saved(&config)).unwrap_or(old);
        if old == text {
            return Ok(());
        }
        Err(Error::RunFolder(format!(
            "{} was made with another configuration (first difference: {}); --resume needs the same one",
            self.config().display(),
            first_difference(&old, text)
        )))
    }

    /// Removes a run from its folder, which stays, as may a link to it. A process that is killed meanwhile leaves a run folder that says
    /// what it is.
    fn clear(&self) -> Result<(), Error> {
        files::write(&self.config(), format!("{MARK}\n{REPLACED}\n").as_bytes())?;
        let entries = fs::read_dir(&self.root).map_err(|source| Error::io("read", &self.root, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| Error::io("read", &self.root, source))?;
            let name = entry.file_name();
            if name == CONFIG || owner::FILES.iter().any(|kept| name == *kept) {
                continue;
            }
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|source| Error::io("remove", &path, source))?;
        }
        Ok(())
    }

    /// Opens a finished or unfinished run.
    ///
    /// # Errors
    /// No `config.toml` of ours there.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let folder = Self { root: root.to_owned() };
        match folder.is_run() {
            true if folder.is_being_replaced() => Err(Error::Replaced { root: root.to_owned() }),
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

    /// Whether a network was trained in it, or is half trained: what a person would not want to lose.
    pub fn holds_anything(&self) -> bool {
        let is_kept = |place: PathBuf| {
            let names = fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.file_name());
            names.into_iter().any(|name| {
                let name = name.to_string_lossy();
                name == "summary.json" || name.starts_with("checkpoint") || name.ends_with(".safetensors")
            })
        };
        let below = |place: PathBuf| fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut students = below(self.root.join("students")).flat_map(below);
        is_kept(self.root.clone()) || is_kept(self.teacher()) || students.any(is_kept)
    }

    fn is_being_replaced(&self) -> bool {
        fs::read_to_string(self.config()).is_ok_and(|text| text.lines().nth(1) == Some(REPLACED))
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
        self.root.join(CONFIG)
    }

    /// What the run found, written when it ends.
    pub fn summary(&self) -> PathBuf {
        self.root.join("summary.json")
    }

    /// When, where and by which command it was begun.
    pub fn about(&self) -> PathBuf {
        self.root.join("about.json")
    }

    /// What the run is made from and what it wrote, as checksums.
    pub fn inputs(&self) -> PathBuf {
        self.root.join("inputs.json")
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

    /// What the teacher answers to test images of each class.
    pub fn teacher_answers(&self) -> PathBuf {
        self.teacher().join(ANSWERS)
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

    /// What a student answers to test images of each class, after its last epoch.
    pub fn student_answers(&self, arm: &str, seed: u64) -> PathBuf {
        self.student(arm, seed).join(ANSWERS)
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

/// Nothing in it but what a process that was killed before it wrote the configuration may leave.
fn is_empty(folder: &Path) -> bool {
    let left = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            files::is_temporary(&name) || name == "inputs.json" || owner::FILES.iter().any(|first| name == *first)
        })
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(left))
}

fn first_difference(old: &str, new: &str) -> String {
    let mut lines = old.lines().zip(new.lines()).filter(|(a, b)| a != b);
    lines.next().map_or("its length".to_owned(), |(a, b)| format!("`{a}` there, `{b}` now"))
}
