//! Finished students again: `kd2m eval` reads a run folder, or one student's folder, and evaluates what is saved there.

use std::path::{Path, PathBuf};

use kd2m_data::Part;
use kd2m_nn::weights;
use serde::Serialize;

use super::{
    evaluate::{Split, evaluate},
    folder::RunFolder,
    setup::Setup,
};
use crate::{
    Config, Error,
    config::Source,
    device::DeviceChoice,
    files,
    objective::Objective,
    teacher::{Cache, Layout, Limits, NetworkTeacher},
};

/// Which samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Validation,
    Test,
}

/// A saved student on a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluated {
    pub arm: String,
    pub seed: u64,
    /// `val` or `test`.
    pub split: &'static str,
    /// Percent.
    pub accuracy: f64,
    pub ce: f64,
    /// Mean W₂² to the teacher's features over full batches; null where widths differ.
    pub w2_to_teacher: Option<f64>,
}

/// A run with the students that a path means: all of a run folder, or the one of `students/ARM/seed-K`.
pub struct Opened {
    pub folder: RunFolder,
    pub config: Config,
    pub students: Vec<(String, u64)>,
}

/// Opens a run folder or one student's folder in it.
///
/// # Errors
/// Neither of both.
pub fn open(path: &Path) -> Result<Opened, Error> {
    if let Ok(folder) = RunFolder::open(path) {
        let config = read_config(&folder)?;
        let mut students = Vec::new();
        for arm in super::distill::arms(&config, false) {
            for seed in &config.train.seeds {
                if folder.student(&arm.name, *seed).join("student.safetensors").is_file() {
                    students.push((arm.name.clone(), *seed));
                }
            }
        }
        if students.is_empty() {
            return Err(Error::RunFolder(format!("{} has no finished student yet", path.display())));
        }
        return Ok(Opened { folder, config, students });
    }
    let neither = || {
        Error::RunFolder(format!(
            "{} is neither a run folder (with a config.toml of ours) nor students/ARM/seed-K in one",
            path.display()
        ))
    };
    let place = path.canonicalize().map_err(|source| Error::io("open", path, source))?;
    let name = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned()).ok_or_else(neither);
    let seed = name(&place)?.strip_prefix("seed-").and_then(|s| s.parse().ok()).ok_or_else(neither)?;
    let arm_folder = place.parent().ok_or_else(neither)?;
    let root: PathBuf = arm_folder.ancestors().nth(2).ok_or_else(neither)?.to_owned();
    let folder = RunFolder::open(&root).map_err(|_| neither())?;
    Ok(Opened { config: read_config(&folder)?, folder, students: vec![(name(arm_folder)?, seed)] })
}

/// The configuration of a run.
///
/// # Errors
/// A file that cannot be read or is no configuration.
pub fn read_config(folder: &RunFolder) -> Result<Config, Error> {
    let path = folder.config();
    Source::parse(&path.display().to_string(), &files::read_text(&path)?)?.resolve()
}

/// Evaluates the students that a path means; `data_root` in place of the configuration's.
///
/// # Errors
/// A folder that is no run, files that cannot be read, data that is not there.
pub fn evaluate_saved(
    path: &Path,
    on: On,
    data_root: Option<&Path>,
    device: DeviceChoice,
    threads: usize,
) -> Result<Vec<Evaluated>, Error> {
    let Opened { folder, mut config, students } = open(path)?;
    if let Some(root) = data_root {
        config.data.root = Some(root.to_owned());
    }
    let setup = Setup::new(&config, device, threads)?;
    let all: Vec<u32> = (0..setup.dataset.test.len() as u32).collect();
    let (part, indices, split) = match on {
        On::Validation => (Part::Train, setup.val.as_slice(), "val"),
        On::Test => (Part::Test, all.as_slice(), "test"),
    };
    let teacher_weights = weights::read(&teacher_file(&config, &folder), &setup.teacher)?;
    let cache = Cache::in_memory(Layout::of(&setup.teacher, &[]), setup.dataset.train.len(), Limits::default());
    let engine = setup.engine(&setup.teacher, &teacher_weights, &[], false)?;
    let mut teacher = NetworkTeacher::new(engine, Some(cache));
    let mut found = Vec::new();
    for (arm, seed) in students {
        let file = folder.student(&arm, seed).join("student.safetensors");
        let mut engine = setup.engine(&setup.student, &weights::read(&file, &setup.student)?, &[], false)?;
        let split_of = Split { dataset: &setup.dataset, part, indices, batch_size: config.train.batch_size };
        let mut objective = Objective::cross_entropy(0.0);
        let value = evaluate(engine.as_mut(), Some(&mut teacher), &mut objective, split_of, seed)?;
        found.push(Evaluated {
            arm,
            seed,
            split,
            accuracy: value.record.accuracy,
            ce: value.record.ce,
            w2_to_teacher: value.w2_to_teacher,
        });
    }
    Ok(found)
}

/// The teacher's weights of a run: the file that was given, or the one trained in it.
pub fn teacher_file(config: &Config, folder: &RunFolder) -> PathBuf {
    config.teacher.weights.clone().unwrap_or_else(|| folder.teacher().join("teacher.safetensors"))
}
