//! Finished students again: `kd2m eval` reads a run folder, or one student's folder, and evaluates what is saved there.

use std::path::{Path, PathBuf};

use kd2m_data::Part;
use kd2m_nn::{Weights, weights};
use serde::Serialize;

use super::{
    evaluate::{Split, evaluate},
    folder::{RunFolder, read_config},
    halt::Halt,
    inputs,
    observer::Observer,
    run::arms,
    setup::Setup,
    side::TeacherSide,
    summary::Summary,
};
use crate::{
    Config, Error,
    device::DeviceChoice,
    files,
    objective::Objective,
    preprocess::Normalisation,
    ranks::Share,
    teacher::{Cache, Limits, NetworkTeacher, Teacher},
    warning,
};

/// Which samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The part of the training images that was kept apart.
    Validation,
    /// The data set's test part.
    Test,
}

/// A saved student on a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluated {
    /// The arm's name.
    pub arm: String,
    /// The student's seed.
    pub seed: u64,
    /// `val` or `test`.
    pub split: &'static str,
    /// Percent.
    pub accuracy: f64,
    /// Mean cross entropy with the labels, nats.
    pub ce: f64,
    /// Mean W₂² to the teacher's features over full batches, through the projector that it learned, if any; null where widths differ
    /// without one.
    pub w2_to_teacher: Option<f64>,
    /// Of the teacher on the same images, percent; null of one that is not here or has other classes.
    pub teacher_accuracy: Option<f64>,
}

/// A run with the students that a path means: all of a run folder, or the one of `students/ARM/seed-K`.
pub struct Opened {
    /// The run.
    pub folder: RunFolder,
    /// As it was resolved when the run began.
    pub config: Config,
    /// Arm and seed of each.
    pub students: Vec<(String, u64)>,
    /// Students of the run whose weights are not there.
    pub missing: Vec<PathBuf>,
}

impl Opened {
    /// Tells which students are left out.
    ///
    /// # Errors
    /// Those of [`warning::tell`].
    pub fn tell_missing(&self, observer: &mut dyn Observer) -> Result<(), Error> {
        let say = |file: &PathBuf| format!("{} is not there: this student is left out", file.display());
        self.missing.iter().try_for_each(|file| warning::tell(observer, say(file)))
    }
}

/// Opens a run folder or one student's folder in it.
///
/// # Errors
/// Neither of both.
pub fn open(path: &Path) -> Result<Opened, Error> {
    let opened = RunFolder::open(path);
    if let Err(replaced @ Error::Replaced { .. }) = opened {
        return Err(replaced);
    }
    if let Ok(folder) = opened {
        let config = read_config(&folder)?;
        let (mut students, mut missing) = (Vec::new(), Vec::new());
        for arm in expected(&folder, &config) {
            for seed in &config.train.seeds {
                let file = folder.student_weights(&arm, *seed);
                if file.is_file() {
                    students.push((arm.clone(), *seed));
                } else {
                    refuse_lost(&folder, &file)?;
                    missing.push(file);
                }
            }
        }
        if students.is_empty() {
            let first = missing.first().map_or_else(String::new, |file| format!(": {} is not there", file.display()));
            return Err(Error::RunFolder(format!("{} has no finished student{first}", path.display())));
        }
        return Ok(Opened { folder, config, students, missing });
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
    let students = vec![(name(arm_folder)?, seed)];
    refuse_lost(&folder, &place.join("student.safetensors"))?;
    Ok(Opened { config: read_config(&folder)?, folder, students, missing: Vec::new() })
}

/// Refuses a run of which a finished student's file is gone.
fn refuse_lost(folder: &RunFolder, file: &Path) -> Result<(), Error> {
    let finished = file.with_file_name("summary.json").is_file();
    if finished { inputs::check(folder, file) } else { Ok(()) }
}

/// Arms that a run has or is to have: those of its configuration, and λ = 0 unless it was left out (`--no-baseline`), of which
/// only the folder and the summary tell.
fn expected(folder: &RunFolder, config: &Config) -> Vec<String> {
    let named = |arm: &str| config.arms.iter().any(|a| a.name == arm);
    let summary = files::read_json::<Summary>(&folder.summary()).ok();
    let ran = |arm: &str| summary.as_ref().is_some_and(|s| s.students.iter().any(|found| found.arm == arm));
    let arms = arms(config, false).into_iter().map(|arm| arm.name);
    arms.filter(|arm| named(arm) || ran(arm) || folder.arm(arm).exists()).collect()
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
    observer: &mut dyn Observer,
) -> Result<Vec<Evaluated>, Error> {
    let opened = open(path)?;
    opened.tell_missing(observer)?;
    let Opened { folder, mut config, students, .. } = opened;
    if let Some(root) = data_root {
        config.data.root = Some(root.to_owned());
    }
    let setup = Setup::with_data(&config, inputs::load_data(&folder, &config)?, device, threads)?;
    inputs::verify(&folder, &config, &setup, observer)?;
    let all: Vec<u32> = (0..setup.dataset.test.len() as u32).collect();
    let (part, indices, split) = match on {
        On::Validation => (Part::Train, setup.val.as_slice(), "val"),
        On::Test => (Part::Test, all.as_slice(), "test"),
    };
    let mut eyes = Eyes::new(&setup, observer);
    let engine = match &setup.teacher {
        // Outputs of the training images say nothing of the test's.
        TeacherSide::Outputs(_) => None,
        TeacherSide::Frozen(frozen) => {
            frozen.members().iter().try_for_each(|member| eyes.of_teacher(&member.eyes))?;
            Some(setup.frozen_engine(frozen, &[])?)
        }
        TeacherSide::Network(_) => {
            let saved = setup.saved_teacher(&config, &folder)?;
            eyes.of_teacher(&saved.eyes)?;
            Some(setup.engine_seeing(&saved.eyes, &saved.graph, &saved.weights, &[], false)?)
        }
    };
    let cache = |layout| Cache::in_memory(layout, setup.dataset.train.len(), Limits::default());
    let mut teacher = engine.map(|engine| NetworkTeacher::new(engine, setup.teacher.layout(&[]).map(cache)));
    let mut found = Vec::new();
    for (arm, seed) in students {
        let saved = setup.saved_student(&config, &folder, &arm, seed)?;
        eyes.of_student(&saved.eyes, &format!("student {arm}, seed {seed}"))?;
        let mut engine = setup.engine_seeing(&saved.eyes, &saved.graph, &saved.weights, &[], false)?;
        let projecting =
            teacher.as_ref().map(|_| projecting(&config, &setup, &folder, &arm, seed)).transpose()?.flatten();
        let (dataset, batch_size, halt) = (&setup.dataset, config.train.batch_size, &Halt::default());
        let split_of =
            Split { dataset, part, indices, batch_size, halt, projecting: projecting.as_ref(), share: Share::WHOLE };
        let mut objective = Objective::cross_entropy(0.0);
        let value =
            evaluate(engine.as_mut(), teacher.as_mut().map(|t| t as &mut dyn Teacher), &mut objective, split_of, seed)?;
        found.push(Evaluated {
            arm,
            seed,
            split,
            accuracy: value.record.accuracy,
            ce: value.record.ce,
            w2_to_teacher: value.w2_to_teacher,
            teacher_accuracy: value.teacher_accuracy,
        });
    }
    Ok(found)
}

/// What a student's criteria learned beside it, if they learned anything: the projector between features of different widths is in it.
fn projecting(
    config: &Config,
    setup: &Setup,
    folder: &RunFolder,
    arm: &str,
    seed: u64,
) -> Result<Option<Objective>, Error> {
    let file = folder.student(arm, seed).join("learned.safetensors");
    inputs::check(folder, &file)?;
    let learned = learned(&file)?;
    let arms = arms(config, false);
    let Some(arm) = arms.iter().find(|own| own.name == arm).filter(|_| !learned.is_empty()) else { return Ok(None) };
    let (device, drawn) = (setup.device.burn()?, setup.drawn(config, seed)?);
    let mut objective = Objective::new(&arm.configured(config)?, arm, &setup.shapes(&drawn), &device, seed)?;
    objective.load_learned(&learned).map_err(|why| Error::RunFolder(format!("{}: {why}", file.display())))?;
    Ok(Some(objective))
}

/// Parts that were trained beside a student, from their file; empty if it had none.
///
/// # Errors
/// A file that cannot be read, or values that are not finite.
pub(crate) fn learned(file: &Path) -> Result<Weights, Error> {
    if !file.is_file() {
        return Ok(Weights::new());
    }
    let parts = weights::read_any(file)?;
    weights::check_finite(file, &parts)?;
    Ok(parts)
}

/// Tells through which eyes saved networks see the data: the teacher's once, then a student's where they differ from the one before.
pub struct Eyes<'a> {
    setup: &'a Setup,
    told: Option<Normalisation>,
    observer: &'a mut dyn Observer,
}

impl<'a> Eyes<'a> {
    /// Of a run's networks; nothing is told yet.
    pub fn new(setup: &'a Setup, observer: &'a mut dyn Observer) -> Self {
        Self { setup, told: None, observer }
    }

    /// Tells the teacher's.
    ///
    /// # Errors
    /// The observer's.
    pub fn of_teacher(&mut self, eyes: &Normalisation) -> Result<(), Error> {
        self.setup.tell_eyes("teacher", eyes, self.observer)
    }

    /// Tells a student's.
    ///
    /// # Errors
    /// The observer's.
    pub fn of_student(&mut self, eyes: &Normalisation, whose: &str) -> Result<(), Error> {
        if !self.told.as_ref().is_some_and(|told| told.is_same(eyes)) {
            self.setup.tell_eyes(whose, eyes, self.observer)?;
            self.told = Some(eyes.clone());
        }
        Ok(())
    }
}
