//! One student of a run: an arm, a seed, a teacher. A finished student is read again, a half-trained one goes on.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kd2m_data::Part;
use kd2m_nn::{Weights, weights};

use super::{
    checkpoint::Checkpoints,
    drawn::Drawn,
    evaluate::{Evaluation, Split, evaluate},
    fit::{Fitted, Learner},
    inputs,
    observer::Observer,
    record::EpochRecord,
    run::{Run, Training},
    summary::{StudentSummary, mean_of_all},
};
use crate::{
    Config, Error, config::ArmConfig, criterion::Needs, files, measure, objective::Objective, teacher::Teacher,
};

/// A student that is about to be trained.
pub struct Prepared<'a> {
    arm: &'a ArmConfig,
    seed: u64,
    place: PathBuf,
    /// The run's, as it is for this arm.
    config: Config,
    /// What its criteria read.
    pub needs: Needs,
}

impl Run<'_> {
    /// The summary of a student that was finished before.
    ///
    /// # Errors
    /// Files that are not what was written; the disk.
    pub(super) fn finished(&self, arm: &ArmConfig, seed: u64) -> Result<Option<StudentSummary>, Error> {
        let place = self.folder.student(&arm.name, seed);
        let summary = summary_file(&place);
        if !summary.is_file() {
            return Ok(None);
        }
        // What a process left that was killed just then.
        let checkpoints = self.checkpoints(&place);
        checkpoints.clear()?;
        checkpoints.sweep()?;
        inputs::check_network(self.folder, &place)?;
        files::read_json(&summary).map(Some)
    }

    /// Makes the folder and the objective of a student of these images.
    ///
    /// # Errors
    /// A criterion that does not fit the networks; the disk.
    pub(super) fn prepare<'a>(
        &self,
        arm: &'a ArmConfig,
        seed: u64,
        drawn: &Drawn,
    ) -> Result<(Prepared<'a>, Objective), Error> {
        let Run { config, setup, folder, .. } = self;
        let place = folder.student(&arm.name, seed);
        files::make_folder(&place)?;
        let config = arm.configured(config)?;
        let objective = Objective::new(&config, arm, &setup.shapes(drawn), &setup.device.burn()?, seed)?;
        let needs = objective.needs();
        Ok((Prepared { arm, seed, place, config, needs }, objective))
    }

    /// What trains it, among so many that are trained side by side.
    ///
    /// # Errors
    /// Weights that do not fit, a device that cannot be had, what observers need and do not get.
    pub(super) fn learner<'a>(
        &'a self,
        prepared: &'a Prepared,
        objective: Objective,
        teacher: &'a Weights,
        observer: &'a mut dyn Observer,
        networks: usize,
    ) -> Result<Learner<'a>, Error> {
        let (setup, Prepared { arm, place, config, needs, .. }) = (self.setup, prepared);
        let start = setup.student_start(config, prepared.seed, teacher)?;
        let training = Training { run: *self, place, student: Some((*arm, teacher)) };
        Ok(Learner {
            config,
            name: &arm.name,
            engine: setup.student_engine(config, arm, &start, &needs.student_maps)?,
            head: Some(format!("{}.weight", setup.student.node(setup.student.logits()).name)),
            objective,
            checkpoints: self.checkpoints(place).among(networks),
            observer: Box::new(training.observers(observer)?),
        })
    }

    /// Saves a trained student, tests it and leaves its summary in `students/ARM/seed-K`.
    ///
    /// # Errors
    /// What engine, teacher or disk cannot do.
    pub(super) fn conclude(
        &self,
        prepared: &Prepared,
        mut fitted: Fitted,
        teacher: &mut dyn Teacher,
        drawn: &Drawn,
    ) -> Result<StudentSummary, Error> {
        let Run { config, setup, folder, options } = self;
        let Prepared { arm, seed, place, .. } = prepared;
        self.save_student(place, &mut fitted)?;
        let best = self.test(&mut fitted, true)?.record.accuracy;
        let last = self.test(&mut fitted, false)?;
        let val = Split {
            dataset: &setup.dataset,
            part: Part::Train,
            indices: &setup.val,
            batch_size: config.train.batch_size,
            halt: &options.halt,
            projecting: None,
            share: setup.share(),
        };
        let cka_to_teacher = measure::alignment(fitted.engine.as_mut(), teacher, val)?;
        let steps = drawn.batches(config.train.batch_size) as f64;
        let (record, top) = (&fitted.history[fitted.history.len() - 1], &fitted.history[fitted.best_epoch - 1]);
        let summary = StudentSummary {
            arm: arm.name.clone(),
            seed: *seed,
            test_accuracy: last.record.accuracy,
            test_top5: (setup.dataset.classes >= 10).then_some(last.top5),
            val_accuracy: record.val.accuracy,
            best_val_test_accuracy: best,
            best_val_accuracy: top.val.accuracy,
            best_val_epoch: fitted.best_epoch,
            w2_to_teacher: record.w2_to_teacher,
            cka_to_teacher,
            calibration: last.calibration,
            images_per_second: median(&fitted.history, |r| r.images_per_second),
            seconds: fitted.history.iter().map(|r| r.seconds).sum(),
            step_ms: median(&fitted.history, |r| 1e3 * r.seconds / steps),
            criteria_ms: criteria_ms(&fitted.history, steps),
            weights: fitted.objective.weights(),
            share_of_gradient: share_of_gradient(&fitted.history),
            normalisation: Some(setup.student_eyes.clone()),
        };
        files::write_json(&folder.student_answers(&arm.name, *seed), &last.answers)?;
        files::write_json(&summary_file(place), &summary)?;
        self.checkpoints(place).clear()?;
        Ok(summary)
    }

    fn checkpoints(&self, place: &Path) -> Checkpoints {
        Checkpoints::new(place, self.options.checkpoint_interval)
    }

    fn save_student(&self, place: &Path, fitted: &mut Fitted) -> Result<(), Error> {
        let Run { config, setup, folder, .. } = self;
        let metadata = self.metadata(&setup.student, config.student.stem, &setup.student_eyes)?;
        let file = |name: &str| place.join(format!("{name}.safetensors"));
        let mut written = vec![file("student"), file("best")];
        weights::write(&written[0], &fitted.last, Some(&metadata))?;
        weights::write(&written[1], &fitted.best, Some(&metadata))?;
        let learned = fitted.objective.learned_values()?;
        if !learned.is_empty() {
            let file = file("learned");
            weights::write(&file, &learned, None)?;
            written.push(file);
        }
        inputs::note(folder, &written)
    }

    fn test(&self, fitted: &mut Fitted, best: bool) -> Result<Evaluation, Error> {
        let Run { config, setup, options, .. } = self;
        fitted.engine.load_network(if best { &fitted.best } else { &fitted.last })?;
        let all: Vec<u32> = (0..setup.dataset.test.len() as u32).collect();
        let split = Split {
            dataset: &setup.dataset,
            part: Part::Test,
            indices: &all,
            batch_size: config.train.batch_size,
            halt: &options.halt,
            projecting: None,
            share: setup.share(),
        };
        evaluate(fitted.engine.as_mut(), None, &mut Objective::cross_entropy(0.0), split, 0)
    }
}

/// Marks a student as finished.
fn summary_file(place: &Path) -> PathBuf {
    place.join("summary.json")
}

/// The middle over epochs: the first epoch also warms caches.
fn median(history: &[EpochRecord], pick: impl Fn(&EpochRecord) -> f64) -> f64 {
    let mut values: Vec<f64> = history.iter().map(pick).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What the criteria of an arm ask of the student, all together, over what is asked with cross entropy: mean over the epochs, 0 … 1.
fn share_of_gradient(history: &[EpochRecord]) -> Option<f64> {
    let of = |r: &EpochRecord| {
        let shares: Vec<f64> = r.train.terms.values().filter_map(|t| t.share_of_gradient).collect();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>())
    };
    mean_of_all(history.iter().map(of))
}

/// Milliseconds of a step that each criterion takes, forward and the gradient that it computes with it.
fn criteria_ms(history: &[EpochRecord], steps: f64) -> BTreeMap<String, f64> {
    let Some(first) = history.first() else { return BTreeMap::new() };
    let share = |r: &EpochRecord, name: &str| r.train.terms.get(name).map_or(0.0, |t| t.share_of_step);
    let milliseconds = |name: &String| median(history, |r| 1e3 * share(r, name) * r.seconds / steps);
    first.train.terms.keys().map(|name| (name.clone(), milliseconds(name))).collect()
}
