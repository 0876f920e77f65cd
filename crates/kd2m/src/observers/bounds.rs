//! The theory while a student is trained: every k epochs, and after the last, its terms on the validation split join the epoch's record.
//! Next: `crate::train::fit`, whose events it hears, and [`crate::report`], which draws it.

use std::{collections::BTreeMap, sync::Arc};

use kd2m_data::{Dataset, Part};
use kd2m_nn::{Graph, Weights};

use crate::{
    Error,
    config::ArmConfig,
    engine::Engine,
    theory::{
        analysis::{Analysis, Settings, Subject},
        head::Affine,
        sample::Features,
    },
    train::{
        observer::{Event, Observer},
        run::{Run, Training},
    },
};

/// Follows one student.
struct Tracker<'a> {
    every: usize,
    epochs: usize,
    arm: &'a ArmConfig,
    student: &'a Graph,
    dataset: &'a Arc<Dataset>,
    val: &'a [u32],
    labels: Vec<u32>,
    teacher: Features,
    teacher_head: Affine,
    settings: Settings,
}

/// Of students, where `train.track_bounds` asks for it.
///
/// # Errors
/// What the engine cannot do, or a teacher whose logits are no linear function of its features.
pub fn observe<'a>(training: Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
    match training.student {
        Some((arm, teacher)) if training.run.config.train.track_bounds > 0 => {
            Ok(Some(Box::new(Tracker::new(training.run, arm, teacher)?)))
        }
        _ => Ok(None),
    }
}

impl Observer for Tracker<'_> {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Evaluated { epoch, engine, weights, objective, bounds } if self.is_due(*epoch) => {
                bounds.extend(self.terms(&mut **engine, weights, &objective.learned_values()?)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl<'a> Tracker<'a> {
    /// Runs the teacher once over the validation split.
    fn new(run: Run<'a>, arm: &'a ArmConfig, teacher: &Weights) -> Result<Self, Error> {
        let Run { config, setup, .. } = run;
        let graph = setup.teacher.classifying_graph(setup.dataset.classes)?;
        let mut engine = setup.engine_seeing(&setup.teacher_eyes, graph, teacher, &[], false)?;
        let labels = &setup.dataset.train.labels;
        Ok(Self {
            every: config.train.track_bounds,
            epochs: config.train.epochs,
            arm,
            student: &setup.student,
            dataset: &setup.dataset,
            val: &setup.val,
            labels: setup.val.iter().map(|i| labels[*i as usize]).collect(),
            teacher: Features::of(engine.as_mut(), &setup.dataset, Part::Train, &setup.val)?,
            teacher_head: Affine::head(graph, teacher)?,
            settings: Settings::new(config.train.batch_size),
        })
    }

    /// True after every k-th epoch, counted from 1, and after the last.
    fn is_due(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.every) || epoch == self.epochs
    }

    /// The terms of the student that `engine` holds with these weights and learned parts.
    ///
    /// # Errors
    /// Features that are not finite.
    fn terms(
        &self,
        engine: &mut dyn Engine,
        weights: &Weights,
        learned: &Weights,
    ) -> Result<BTreeMap<String, f64>, Error> {
        let student = Features::of(engine, self.dataset, Part::Train, self.val)?;
        let projector = Affine::projector(self.arm, learned, [student.width, self.teacher.width]);
        let subject = Subject {
            student: &student,
            teacher: &self.teacher,
            labels: &self.labels,
            student_head: &Affine::head(self.student, weights)?,
            teacher_head: &self.teacher_head,
            projector: projector.as_ref(),
        };
        let found = Analysis::of(&subject, self.settings)?;
        Ok(found.terms.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}
