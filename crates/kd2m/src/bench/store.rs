//! The output folder of a grid: teachers by checksum, run folders of candidates and of what is reported, and summaries of other
//! grids that are counted again. A folder may grow by seeds and arms; nothing finished in it may have been trained otherwise.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    grid::Cell,
    plan::Stage,
    record::{Found, Record},
    summaries,
};
use crate::{
    Config, Error,
    config::ArmConfig,
    files,
    train::{
        folder::{Existing, RunFolder, read_config},
        inputs,
        summary::TeacherSummary,
    },
};

/// A student's arm as it was trained, beside its summary.
const ARM: &str = "arm.json";

/// Where results are found and put.
pub struct Store {
    out: PathBuf,
    reused: Vec<Record>,
}

impl Store {
    /// Opens OUT, made when missing, with the summaries of other folders beside it.
    ///
    /// # Errors
    /// A folder of something else, or summaries that cannot be read.
    pub fn open(out: &Path, reuse: &[PathBuf]) -> Result<Self, Error> {
        files::make_folder(out)?;
        let known = ["runs", "select", "teachers", "claims", "summaries.json"];
        let foreign = |name: &str| !known.contains(&name) && !name.starts_with("table.") && !name.starts_with('.');
        let names = fs::read_dir(out).map_err(|source| Error::io("read", out, source))?;
        let names: Vec<String> = names.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        let ours = names.iter().any(|n| n == "claims");
        if let Some(name) = names.iter().find(|n| !ours && foreign(n)) {
            return Err(Error::RunFolder(format!(
                "{} holds {name} and is no folder of a grid: choose another --out",
                out.display()
            )));
        }
        let mut reused = Vec::new();
        for folder in reuse {
            reused.extend(summaries::read(&folder.join("summaries.json"))?);
        }
        Ok(Self { out: out.to_owned(), reused })
    }

    pub fn out(&self) -> &Path {
        &self.out
    }

    /// The run folder of a cell in a stage.
    pub fn place(&self, stage: Stage, cell: &Cell) -> PathBuf {
        self.out.join(stage.folder()).join(&cell.name)
    }

    /// The run folder of a teacher.
    pub fn teacher_place(&self, cell: &Cell) -> PathBuf {
        self.out.join("teachers").join(&cell.teacher)
    }

    /// Where all cells of one teacher remember what it says, unless their configuration names a folder.
    pub fn teacher_cache(&self, cell: &Cell) -> PathBuf {
        self.teacher_place(cell).join("teacher").join("cache")
    }

    /// Where a cell does.
    pub fn remembered_in(&self, cell: &Cell) -> PathBuf {
        cell.config.teacher.cache.folder().map_or_else(|| self.teacher_cache(cell), Path::to_owned)
    }

    /// What is known of a cell's teacher.
    pub fn teacher(&self, cell: &Cell) -> Option<TeacherSummary> {
        self.own_teacher(cell).or_else(|| self.reused_teacher(cell))
    }

    /// Whether a cell's teacher is in this folder, to learn from.
    pub fn has_teacher(&self, cell: &Cell) -> bool {
        self.teacher_place(cell).join("teacher").join("summary.json").is_file()
    }

    fn own_teacher(&self, cell: &Cell) -> Option<TeacherSummary> {
        files::read_json(&self.teacher_place(cell).join("teacher").join("summary.json")).ok()
    }

    fn reused_teacher(&self, cell: &Cell) -> Option<TeacherSummary> {
        self.matching(Stage::Runs, cell).find_map(|r| r.teacher.clone())
    }

    /// The reused runs' teacher where it is another than the one in this folder.
    pub fn other_teacher(&self, cell: &Cell) -> Option<TeacherSummary> {
        let (own, reused) = (self.own_teacher(cell)?, self.reused_teacher(cell)?);
        // By their bits: of stored outputs both are NaN, and the same.
        let accuracies = |t: &TeacherSummary| [t.test_accuracy, t.val_accuracy].map(f64::to_bits);
        (accuracies(&own) != accuracies(&reused)).then_some(reused)
    }

    /// What is known of a student.
    pub fn student(&self, stage: Stage, cell: &Cell, arm: &ArmConfig, seed: u64) -> Option<Found> {
        let place = self.student_place(stage, cell, arm, seed);
        if let Ok(summary) = files::read_json(&place.join("summary.json")) {
            return Some(Found::Finished(Box::new(summary)));
        }
        if let Ok(why) = files::read_text(&place.join("diverged.txt")) {
            return Some(Found::Diverged(why));
        }
        let has_arm = |r: &&Record| r.config.arms.iter().any(|a| same_arm(a, arm));
        self.matching(stage, cell).filter(has_arm).find_map(|r| {
            let finished = r.students.iter().find(|s| s.arm == arm.name && s.seed == seed);
            let diverged = r.diverged.iter().any(|(name, s)| (name, *s) == (&arm.name, seed));
            finished
                .cloned()
                .map(|s| Found::Finished(Box::new(s)))
                .or_else(|| diverged.then(|| Found::Diverged("reused".to_owned())))
        })
    }

    fn matching(&self, stage: Stage, cell: &Cell) -> impl Iterator<Item = &Record> {
        self.reused.iter().filter(move |r| {
            r.stage == stage.folder() && base(&r.config).name == cell.name && base(&r.config) == base(&cell.config)
        })
    }

    fn student_place(&self, stage: Stage, cell: &Cell, arm: &ArmConfig, seed: u64) -> PathBuf {
        self.place(stage, cell).join("students").join(&arm.name).join(format!("seed-{seed}"))
    }

    /// Notes that a candidate diverged.
    ///
    /// # Errors
    /// The disk.
    pub fn diverged(&self, cell: &Cell, arm: &ArmConfig, seed: u64, why: &str) -> Result<(), Error> {
        let place = self.student_place(Stage::Select, cell, arm, seed);
        files::make_folder(&place)?;
        files::write(&place.join("diverged.txt"), why.as_bytes())
    }

    /// Notes what a student is trained with, so that its result never counts for another weight.
    ///
    /// # Errors
    /// The disk.
    pub fn note_arm(&self, stage: Stage, cell: &Cell, arm: &ArmConfig, seed: u64) -> Result<(), Error> {
        let place = self.student_place(stage, cell, arm, seed);
        files::make_folder(&place)?;
        files::write_json(&place.join(ARM), arm)
    }

    /// What the students of an arm's name were trained with, whatever the folder's configuration says now.
    fn noted_arms(&self, stage: Stage, cell: &Cell, name: &str) -> Vec<ArmConfig> {
        let seeds = fs::read_dir(self.place(stage, cell).join("students").join(name));
        seeds.into_iter().flatten().flatten().filter_map(|seed| files::read_json(&seed.path().join(ARM)).ok()).collect()
    }

    /// Refuses a folder whose runs are all of other cells: its tables would be overwritten.
    ///
    /// # Errors
    /// The first of those cells.
    pub fn check_cells(&self, cells: &[Cell]) -> Result<(), Error> {
        let found = fs::read_dir(self.out.join(Stage::Runs.folder())).into_iter().flatten().flatten();
        let names: Vec<String> = found.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        match names.first() {
            Some(other) if cells.iter().all(|cell| !names.contains(&cell.name)) => Err(Error::RunFolder(format!(
                "{} holds another grid's runs ({other}): choose another --out",
                self.out.display()
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses a folder in which something was trained otherwise than `config` says.
    ///
    /// # Errors
    /// The first arm or section that differs.
    pub fn check(&self, stage: Stage, cell: &Cell, config: &Config) -> Result<(), Error> {
        let place = self.place(stage, cell);
        let Ok(folder) = RunFolder::open(&place) else { return Ok(()) };
        let old = read_config(&folder)?;
        let other = |what: &str| {
            Err(Error::RunFolder(format!(
                "{} was trained with another {what}: choose another --out, or remove that folder",
                place.display()
            )))
        };
        let (a, b) = (base(&old), base(config));
        if a != b {
            return other(&format!("configuration ({})", first_difference(&a, &b)));
        }
        let changed = config.arms.iter().find(|arm| {
            let noted = self.noted_arms(stage, cell, &arm.name);
            old.arms.iter().chain(&noted).any(|trained| trained.name == arm.name && !same_arm(trained, arm))
        });
        match changed {
            Some(arm) => other(&format!("weight or option of arm {}", arm.name)),
            None => Ok(()),
        }
    }

    /// Opens or makes the run folder of a cell, its configuration as it now is, its teacher in place.
    ///
    /// # Errors
    /// As [`check`](Self::check), and the disk.
    pub fn run_folder(&self, stage: Stage, cell: &Cell, config: &Config) -> Result<RunFolder, Error> {
        self.check(stage, cell, config)?;
        let place = self.place(stage, cell);
        if let Ok(folder) = RunFolder::open(&place) {
            if read_config(&folder)?.anchored() != config.clone().anchored() {
                folder.rewrite(config)?;
            }
            self.install_teacher(cell, &folder)?;
            return Ok(folder);
        }
        // Another worker may make it at the same moment: then it is there.
        let made = RunFolder::create(&place, config, Existing::Resume);
        let folder = made.or_else(|why| RunFolder::open(&place).map_err(|_| why))?;
        self.install_teacher(cell, &folder)?;
        Ok(folder)
    }

    /// Links (or copies) the shared teacher's files into a run folder; `summary.json`, which marks it complete, last.
    fn install_teacher(&self, cell: &Cell, folder: &RunFolder) -> Result<(), Error> {
        let (from, to) = (self.teacher_place(cell).join("teacher"), folder.teacher());
        files::make_folder(&to)?;
        if !folder.teacher_weights().is_file()
            && let Ok(own) = RunFolder::open(&self.teacher_place(cell))
        {
            inputs::adopt(&own, folder, &own.teacher_weights())?;
        }
        for name in ["teacher.safetensors", "metrics.jsonl", "summary.json"] {
            let (source, target) = (from.join(name), to.join(name));
            if !source.is_file() || target.is_file() || fs::hard_link(&source, &target).is_ok() {
                continue;
            }
            let bytes = fs::read(&source).map_err(|e| Error::io("read", &source, e))?;
            files::write(&target, &bytes)?;
        }
        Ok(())
    }
}

/// A configuration without what may differ within a folder: arms, seeds, and where data and caches lie.
fn base(config: &Config) -> Config {
    let mut own = config.clone().anchored();
    own.arms.clear();
    own.train.seeds.clear();
    own.data.forget_place();
    own.teacher.cache.forget_place();
    own
}

/// Equal, default weights written out.
fn same_arm(a: &ArmConfig, b: &ArmConfig) -> bool {
    let explicit = |arm: &ArmConfig| super::setting::scaled(arm, 1.0);
    explicit(a) == explicit(b)
}

fn first_difference(a: &Config, b: &Config) -> String {
    let text = |c: &Config| c.to_toml().unwrap_or_else(|e| e.to_string());
    let (a, b) = (text(a), text(b));
    let found = a.lines().zip(b.lines()).find(|(x, y)| x != y);
    found.map_or("its length".to_owned(), |(x, y)| format!("`{x}` there, `{y}` now"))
}
