//! One student of a run: an arm, a seed, a teacher. A finished student is read again, a half-trained one goes on.

use std::{collections::BTreeMap, path::Path};

use kd2m_data::Part;
use kd2m_nn::{Weights, weights};

use super::{
    checkpoint::Checkpoints,
    evaluate::{Evaluation, Split, evaluate},
    fit::{Fit, Fitted},
    inputs,
    observer::{Event, Observer},
    record::EpochRecord,
    run::{Run, Training},
    summary::{StudentSummary, mean_of_all},
};
use crate::{Error, config::ArmConfig, files, measure, objective::Objective};

impl Run<'_> {
    /// Trains one student and leaves its files in `students/ARM/seed-K`.
    ///
    /// # Errors
    /// A criterion that does not fit the networks, a loss that is no longer finite, or the disk.
    pub fn student(
        &self,
        arm: &ArmConfig,
        seed: u64,
        teacher: &Weights,
        observer: &mut dyn Observer,
    ) -> Result<StudentSummary, Error> {
        let Run { config, setup, folder, options } = self;
        let place = folder.student(&arm.name, seed);
        let summary_file = place.join("summary.json");
        let checkpoints = || Checkpoints::new(&place, options.checkpoint_interval);
        if summary_file.is_file() {
            // What a process left that was killed just then.
            checkpoints().clear()?;
            checkpoints().sweep()?;
            inputs::check_network(folder, &place)?;
            return files::read_json(&summary_file);
        }
        files::make_folder(&place)?;
        let drawn = setup.drawn(config, seed)?;
        let objective = Objective::new(config, arm, &setup.shapes(&drawn), &setup.device.burn()?, seed)?;
        let needs = objective.needs();
        let own = arm.configured(config);
        let start = setup.student_start(&own, seed, teacher)?;
        let training = Training { run: *self, place: &place, student: Some((arm, teacher)) };
        let mut teacher = self.source(teacher, &needs.teacher_maps, &drawn)?;
        let fit = Fit {
            config: &own,
            dataset: &setup.dataset,
            train: &drawn.train,
            mixture: drawn.mixture.as_ref(),
            val: &setup.val,
            augment: setup.augment,
            epochs: config.train.epochs,
            seed,
            arm: &arm.name,
            engine: setup.student_engine(&own, arm, &start, &needs.student_maps)?,
            head: Some(format!("{}.weight", setup.student.node(setup.student.logits()).name)),
            teacher: Some(teacher.as_mut()),
            objective,
            checkpoints: checkpoints(),
            halt: options.halt.clone(),
        };
        let mut fitted = fit.run(&mut training.observers(observer)?)?;
        teacher.notes().into_iter().try_for_each(|note| observer.event(&mut Event::Note(note)))?;
        self.save_student(&place, &mut fitted)?;
        let best = self.test(&mut fitted, true)?.record.accuracy;
        let last = self.test(&mut fitted, false)?;
        let val = Split {
            dataset: &setup.dataset,
            part: Part::Train,
            indices: &setup.val,
            batch_size: config.train.batch_size,
            halt: &options.halt,
        };
        let cka_to_teacher = measure::alignment(fitted.engine.as_mut(), teacher.as_mut(), val)?;
        let steps = drawn.batches(config.train.batch_size) as f64;
        let (record, top) = (&fitted.history[fitted.history.len() - 1], &fitted.history[fitted.best_epoch - 1]);
        let summary = StudentSummary {
            arm: arm.name.clone(),
            seed,
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
        files::write_json(&folder.student_answers(&arm.name, seed), &last.answers)?;
        files::write_json(&summary_file, &summary)?;
        checkpoints().clear()?;
        Ok(summary)
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
        };
        evaluate(fitted.engine.as_mut(), None, &mut Objective::cross_entropy(0.0), split, 0)
    }
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
