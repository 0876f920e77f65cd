//! The teacher of a run: read from a file or trained, evaluated once, refused when it knows nothing.

use kd2m_data::Part;
use kd2m_nn::{Graph, Weights, weights, zoo::Stem};

use super::{
    checkpoint::Checkpoints,
    evaluate::{Split, evaluate},
    fit::{self, Learner, Views},
    inputs,
    observer::{Event, Observer},
    run::{Run, Training},
    side::TeacherSide,
    summary::TeacherSummary,
};
use crate::{Error, files, objective::Objective, preprocess::Normalisation, saved::Description};

impl Run<'_> {
    /// Loads or trains the teacher, evaluates it, and leaves its files in the run folder.
    ///
    /// # Errors
    /// Weights that cannot be read, or a loss that is no longer finite.
    pub fn teacher(&self, observer: &mut dyn Observer) -> Result<(Weights, TeacherSummary), Error> {
        let Run { config, setup, folder, options } = self;
        let place = folder.teacher();
        let (saved, summary_file) = (folder.teacher_weights(), folder.teacher_summary());
        files::make_folder(&place)?;
        if let TeacherSide::Outputs(_) = setup.teacher {
            let summary = TeacherSummary::of_outputs();
            files::write_json(&summary_file, &summary)?;
            return Ok((Weights::new(), summary));
        }
        if let TeacherSide::Frozen(_) = setup.teacher {
            if summary_file.is_file() {
                return Ok((Weights::new(), files::read_json::<TeacherSummary>(&summary_file)?));
            }
            let summary = self.evaluate_teacher(&Weights::new())?;
            files::write_json(&summary_file, &summary)?;
            return Ok((Weights::new(), summary));
        }
        let checkpoints = || Checkpoints::new(&place, options.checkpoint_interval);
        if summary_file.is_file() {
            // What a process left that was killed just then.
            checkpoints().clear()?;
            inputs::check_network(folder, &place)?;
            let summary = files::read_json::<TeacherSummary>(&summary_file)?;
            let network = setup.saved_teacher(config, folder)?;
            if !network.eyes.is_same(&setup.teacher_eyes) {
                return Err(Error::RunFolder(format!(
                    "{}: the teacher saw pixels normalised by {}, which now would be {}: set teacher.mean and teacher.std as they \
                     were (and teacher.resize, crop and interpolation), or begin anew with --overwrite",
                    summary_file.display(),
                    network.eyes,
                    setup.teacher_eyes
                )));
            }
            return Ok((network.weights, summary));
        }
        let weights = match setup.given_teacher(config)? {
            Some(given) => given.weights,
            None => {
                let start = setup.teacher_start(config)?.weights;
                let views = Views {
                    dataset: &setup.dataset,
                    train: &setup.teacher_train,
                    mixture: None,
                    val: &setup.val,
                    augment: &setup.augment,
                    mix: config.train.mix(),
                    epochs: config.teacher.epochs.unwrap_or(config.train.epochs),
                    batch_size: config.train.batch_size,
                    accumulate: config.train.accumulate,
                    seed: config.teacher.seed,
                    halt: options.halt.clone(),
                    share: setup.share(),
                };
                let training = Training { run: *self, place: &place, student: None };
                let graph = setup.teacher.graph()?;
                let mut engine = setup.learning_engine(&setup.teacher_eyes, graph, &start, &[])?;
                engine.scale_rates(&graph.rates(config.optim.layer_decay));
                let learner = Learner {
                    config,
                    name: "teacher",
                    engine,
                    head: None,
                    objective: Objective::cross_entropy(config.optim.label_smoothing),
                    checkpoints: checkpoints(),
                    observer: Box::new(training.observers(observer)?),
                };
                let fitted = fit::one(&views, None, learner)?;
                weights::write(
                    &saved,
                    &fitted.last,
                    Some(&self.metadata(setup.teacher.graph()?, config.teacher.stem, &setup.teacher_eyes)?),
                )?;
                inputs::note(folder, std::slice::from_ref(&saved))?;
                fitted.last
            }
        };
        let summary = self.evaluate_teacher(&weights)?;
        files::write_json(&summary_file, &summary)?;
        checkpoints().clear()?;
        Ok((weights, summary))
    }

    fn evaluate_teacher(&self, weights: &Weights) -> Result<TeacherSummary, Error> {
        let Run { config, setup, options, .. } = self;
        if setup.teacher.other_classes(setup.dataset.classes).is_some() {
            // What it says of the data's classes is nothing.
            return Ok(TeacherSummary {
                model: config.teacher.name(),
                parameters: setup.teacher.parameters(),
                normalisation: Some(setup.teacher_eyes.clone()),
                ..TeacherSummary::of_outputs()
            });
        }
        let mut engine = setup.teacher_engine(weights, &[])?;
        let mut on = |part, indices: &[u32]| {
            let (dataset, batch_size) = (&setup.dataset, config.train.batch_size);
            let split = Split {
                dataset,
                part,
                indices,
                batch_size,
                halt: &options.halt,
                projecting: None,
                share: setup.share(),
            };
            let mut objective = Objective::cross_entropy(0.0);
            evaluate(engine.as_mut(), None, &mut objective, split, 0)
        };
        let all: Vec<u32> = (0..setup.dataset.test.len() as u32).collect();
        let (val, test) = (on(Part::Train, &setup.val)?, on(Part::Test, &all)?);
        files::write_json(&self.folder.teacher_answers(), &test.answers)?;
        Ok(TeacherSummary {
            model: config.teacher.name(),
            parameters: setup.teacher.parameters(),
            val_accuracy: val.record.accuracy,
            test_accuracy: test.record.accuracy,
            test_top5: (setup.dataset.classes >= 10).then_some(test.top5),
            calibration: test.calibration,
            normalisation: Some(setup.teacher_eyes.clone()),
        })
    }

    /// Refuses a teacher within three standard errors of chance on validation, unless the options allow it.
    ///
    /// # Errors
    /// [`Error::WeakTeacher`].
    pub fn refuse_weak(&self, teacher: &TeacherSummary, observer: &mut dyn Observer) -> Result<(), Error> {
        let classes = self.setup.dataset.classes;
        if matches!(self.setup.teacher, TeacherSide::Outputs(_)) || self.setup.teacher.other_classes(classes).is_some()
        {
            return Ok(());
        }
        let chance = 1.0 / classes as f64;
        let error = (chance * (1.0 - chance) / self.setup.val.len() as f64).sqrt();
        if teacher.val_accuracy > 100.0 * (chance + 3.0 * error) {
            return Ok(());
        }
        if !self.options.allow_weak_teacher {
            return Err(Error::WeakTeacher { accuracy: teacher.val_accuracy, classes });
        }
        observer.event(&mut Event::Note(format!("weak teacher allowed: {:.2} % on validation", teacher.val_accuracy)))
    }

    /// What a reader of the weights needs to build the network again, as one JSON text.
    pub(super) fn metadata(&self, graph: &Graph, stem: Stem, eyes: &Normalisation) -> Result<String, Error> {
        let data = &self.setup.dataset;
        let description = Description {
            model: graph.name.clone(),
            stem,
            classes: data.classes,
            class_names: data.class_names.clone(),
            input: eyes.shape([data.channels, data.height, data.width]),
            mean: eyes.mean.clone(),
            std: eyes.std.clone(),
            frame: eyes.frame,
        };
        description.text()
    }
}
