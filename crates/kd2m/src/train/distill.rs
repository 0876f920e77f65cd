//! A whole run: the teacher is trained or loaded and evaluated, then every arm is trained over every seed from the same
//! initial weights in the same order of data, and the summary compares them.

use std::path::{Path, PathBuf};

use kd2m_data::Part;
use kd2m_nn::{Weights, init, weights};

use super::{
    checkpoint::Checkpoints,
    evaluate::{Split, evaluate},
    fit::{Fit, Fitted},
    folder::{Existing, RunFolder},
    observer::{Event, Observer},
    record::EpochRecord,
    setup::Setup,
    summary::{ArmSummary, StudentSummary, Summary, TeacherSummary},
};
use crate::{
    Config, Error,
    config::ArmConfig,
    device::DeviceChoice,
    files,
    objective::Objective,
    report,
    teacher::{NetworkTeacher, Teacher},
};

/// What a command line says beside the configuration.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    pub out: Option<PathBuf>,
    pub device: DeviceChoice,
    /// 0: one a core.
    pub threads: usize,
    pub existing: Existing,
    pub allow_weak_teacher: bool,
    /// Leave the arm `none` out.
    pub no_baseline: bool,
    /// Compute the teacher's outputs again in every step.
    pub no_teacher_cache: bool,
}

/// A finished run.
pub struct Finished {
    pub folder: RunFolder,
    pub summary: Summary,
}

/// Trains the teacher of a configuration alone (`kd2m train`).
///
/// # Errors
/// Bad input, or a loss that is no longer finite.
pub fn train_teacher(config: &Config, options: &RunOptions, observer: &mut dyn Observer) -> Result<Finished, Error> {
    let setup = Setup::new(config, options.device, options.threads)?;
    let folder = open_folder(config, options)?;
    let (_, teacher) = prepare_teacher(config, &setup, &folder, observer)?;
    let summary = Summary {
        name: config.name.clone(),
        dataset: config.data.dataset.clone(),
        seeds: vec![config.teacher.seed],
        teacher,
        students: Vec::new(),
    };
    files::write_json(&folder.summary(), &summary)?;
    Ok(Finished { folder, summary })
}

/// Distils: every arm over every seed (`kd2m distill`).
///
/// # Errors
/// Bad input, a teacher no better than chance, or a loss that is no longer finite.
pub fn distill(config: &Config, options: &RunOptions, observer: &mut dyn Observer) -> Result<Finished, Error> {
    let arms = arms(config, options.no_baseline);
    arms.iter().try_for_each(|arm| check_arm(config, arm))?;
    let setup = Setup::new(config, options.device, options.threads)?;
    for arm in &arms {
        Objective::new(config, arm)?.prepare(&setup.shapes(), &options.device.burn()?, 0)?;
    }
    let folder = open_folder(config, options)?;
    let (teacher_weights, teacher) = prepare_teacher(config, &setup, &folder, observer)?;
    let chance = 100.0 / setup.dataset.classes as f64;
    let margin = 100.0 * (chance / 100.0 * (1.0 - chance / 100.0) / setup.val.len() as f64).sqrt() * 3.0;
    if teacher.val_accuracy <= chance + margin {
        let weak = Error::WeakTeacher { accuracy: teacher.val_accuracy, classes: setup.dataset.classes };
        if !options.allow_weak_teacher {
            return Err(weak);
        }
        observer.event(Event::Note(format!("weak teacher allowed: {:.2} % on validation", teacher.val_accuracy)));
    }
    let mut students: Vec<Vec<StudentSummary>> = vec![Vec::new(); arms.len()];
    for &seed in &config.train.seeds {
        for (arm, found) in arms.iter().zip(&mut students) {
            let maps = Objective::new(config, arm)?.needs().teacher_maps;
            let engine = setup.engine(&setup.teacher, &teacher_weights, &maps, false)?;
            let remember = config.teacher.cache && !options.no_teacher_cache;
            let mut teacher = NetworkTeacher::new(engine, remember);
            found.push(train_student(config, &setup, &folder, arm, seed, &mut teacher, observer)?);
        }
    }
    let parameters = setup.student.parameter_count();
    let arms = arms.iter().zip(&students);
    let summary = Summary {
        name: config.name.clone(),
        dataset: config.data.dataset.clone(),
        seeds: config.train.seeds.clone(),
        teacher,
        students: arms.map(|(arm, found)| ArmSummary::new(arm, &config.student.model, parameters, found)).collect(),
    }
    .compare();
    files::write_json(&folder.summary(), &summary)?;
    report::write(folder.root(), None, options.device, options.threads)?;
    Ok(Finished { folder, summary })
}

/// The arms to run, `none` first.
pub fn arms(config: &Config, no_baseline: bool) -> Vec<ArmConfig> {
    let given = config.arms.iter().filter(|a| !(no_baseline && a.losses.is_empty()));
    let has_none = config.arms.iter().any(|a| a.losses.is_empty());
    let baseline = (!has_none && !no_baseline).then(ArmConfig::none);
    baseline.into_iter().chain(given.cloned()).collect()
}

fn check_arm(config: &Config, arm: &ArmConfig) -> Result<(), Error> {
    Objective::new(config, arm).map(|_| ())
}

fn open_folder(config: &Config, options: &RunOptions) -> Result<RunFolder, Error> {
    let out = options.out.clone().unwrap_or_else(|| config.default_out());
    RunFolder::create(&out, config, options.existing)
}

/// Loads or trains the teacher, evaluates it, and leaves its files in the run folder.
fn prepare_teacher(
    config: &Config,
    setup: &Setup,
    folder: &RunFolder,
    observer: &mut dyn Observer,
) -> Result<(Weights, TeacherSummary), Error> {
    let place = folder.teacher();
    let saved = place.join("teacher.safetensors");
    let summary_file = place.join("summary.json");
    files::make_folder(&place)?;
    let weights = match &config.teacher.weights {
        Some(path) => weights::read(path, &setup.teacher)?,
        None if summary_file.is_file() => {
            return Ok((weights::read(&saved, &setup.teacher)?, files::read_json(&summary_file)?));
        }
        None => {
            let start = init::initialise(&setup.teacher, config.teacher.seed);
            let fit = Fit {
                config,
                dataset: &setup.dataset,
                train: &setup.teacher_train,
                val: &setup.val,
                augment: setup.augment,
                epochs: config.teacher.epochs.unwrap_or(config.train.epochs),
                seed: config.teacher.seed,
                arm: "teacher",
                engine: setup.engine(&setup.teacher, &start, &[], true)?,
                teacher: None,
                objective: Objective::cross_entropy(config.optim.label_smoothing),
                checkpoints: Checkpoints::new(&place),
            };
            let fitted = fit.run(observer)?;
            weights::write(&saved, &fitted.last, Some(&metadata(config, setup, true)))?;
            fitted.last
        }
    };
    let mut engine = setup.engine(&setup.teacher, &weights, &[], false)?;
    let mut accuracy = |part, indices: &[u32]| {
        let split = Split { dataset: &setup.dataset, part, indices, batch_size: config.train.batch_size };
        let mut objective = Objective::cross_entropy(0.0);
        Ok::<_, Error>(evaluate(engine.as_mut(), None, &mut objective, split, 0)?.record.accuracy)
    };
    let all: Vec<u32> = (0..setup.dataset.test.len() as u32).collect();
    let summary = TeacherSummary {
        model: config.teacher.model.clone(),
        parameters: setup.teacher.parameter_count(),
        val_accuracy: accuracy(Part::Train, &setup.val)?,
        test_accuracy: accuracy(Part::Test, &all)?,
    };
    files::write_json(&summary_file, &summary)?;
    Checkpoints::new(&place).clear()?;
    Ok((weights, summary))
}

fn train_student(
    config: &Config,
    setup: &Setup,
    folder: &RunFolder,
    arm: &ArmConfig,
    seed: u64,
    teacher: &mut dyn Teacher,
    observer: &mut dyn Observer,
) -> Result<StudentSummary, Error> {
    let place = folder.student(&arm.name, seed);
    let summary_file = place.join("summary.json");
    if summary_file.is_file() {
        return files::read_json(&summary_file);
    }
    files::make_folder(&place)?;
    let mut objective = Objective::new(config, arm)?;
    objective.prepare(&setup.shapes(), &setup.device.burn()?, seed)?;
    let start = setup.student_start(config, seed)?;
    let maps = objective.needs().student_maps;
    let fit = Fit {
        config,
        dataset: &setup.dataset,
        train: &setup.train,
        val: &setup.val,
        augment: setup.augment,
        epochs: config.train.epochs,
        seed,
        arm: &arm.name,
        engine: setup.engine(&setup.student, &start, &maps, true)?,
        teacher: Some(teacher),
        objective,
        checkpoints: Checkpoints::new(&place),
    };
    let mut fitted = fit.run(observer)?;
    save_student(config, setup, &place, &mut fitted)?;
    let last = test_accuracy(config, setup, &mut fitted, false)?;
    let best = test_accuracy(config, setup, &mut fitted, true)?;
    let (record, top) = (&fitted.history[fitted.history.len() - 1], &fitted.history[fitted.best_epoch - 1]);
    let summary = StudentSummary {
        arm: arm.name.clone(),
        seed,
        test_accuracy: last,
        val_accuracy: record.val.accuracy,
        best_val_test_accuracy: best,
        best_val_accuracy: top.val.accuracy,
        best_val_epoch: fitted.best_epoch,
        w2_to_teacher: record.w2_to_teacher,
        images_per_second: median_speed(&fitted.history),
    };
    files::write_json(&summary_file, &summary)?;
    Checkpoints::new(&place).clear()?;
    Ok(summary)
}

/// The middle of the epochs' speeds: the first epoch also warms caches.
fn median_speed(history: &[EpochRecord]) -> f64 {
    let mut speeds: Vec<f64> = history.iter().map(|r| r.images_per_second).collect();
    speeds.sort_by(f64::total_cmp);
    speeds[speeds.len() / 2]
}

fn save_student(config: &Config, setup: &Setup, place: &Path, fitted: &mut Fitted) -> Result<(), Error> {
    let metadata = metadata(config, setup, false);
    weights::write(&place.join("student.safetensors"), &fitted.last, Some(&metadata))?;
    weights::write(&place.join("best.safetensors"), &fitted.best, Some(&metadata))?;
    let mut learned = Weights::new();
    for (name, part) in fitted.objective.learned() {
        learned.extend(part.values().into_iter().map(|(key, tensor)| (format!("{name}.{key}"), tensor)));
    }
    if !learned.is_empty() {
        weights::write(&place.join("learned.safetensors"), &learned, None)?;
    }
    Ok(())
}

fn test_accuracy(config: &Config, setup: &Setup, fitted: &mut Fitted, best: bool) -> Result<f64, Error> {
    fitted.engine.load_network(if best { &fitted.best } else { &fitted.last })?;
    let all: Vec<u32> = (0..setup.dataset.test.len() as u32).collect();
    let split = Split { dataset: &setup.dataset, part: Part::Test, indices: &all, batch_size: config.train.batch_size };
    Ok(evaluate(fitted.engine.as_mut(), None, &mut Objective::cross_entropy(0.0), split, 0)?.record.accuracy)
}

/// What a reader of the weights needs to build the network again, as one JSON text.
fn metadata(config: &Config, setup: &Setup, teacher: bool) -> String {
    let (graph, stem) = match teacher {
        true => (&setup.teacher, config.teacher.stem),
        false => (&setup.student, config.student.stem),
    };
    let data = &setup.dataset;
    serde_json::json!({
        "model": graph.name, "stem": stem, "classes": data.classes,
        "input": [data.channels, data.height, data.width], "mean": data.mean, "std": data.std,
    })
    .to_string()
}
