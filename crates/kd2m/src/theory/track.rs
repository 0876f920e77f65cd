//! The theory while a student is trained: every k epochs, and after the last, its terms on the validation split join the epoch's record.
//! Next: [`crate::train::fit`], which calls it, and [`crate::report`], which draws it.

use std::{collections::BTreeMap, sync::Arc};

use kd2m_data::{Dataset, Part};
use kd2m_nn::{Graph, Weights};

use super::{
    analysis::{Analysis, Settings, Subject},
    head::Affine,
    sample::Features,
};
use crate::{
    Error,
    config::{ArmConfig, Config},
    engine::Engine,
    train::setup::Setup,
};

/// Follows one student.
pub struct Tracker<'a> {
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

impl<'a> Tracker<'a> {
    /// A tracker where the configuration asks for one; runs the teacher once over the validation split.
    ///
    /// # Errors
    /// What the engine cannot do, or a teacher whose logits are no linear function of its features.
    pub fn new(
        config: &Config,
        setup: &'a Setup,
        arm: &'a ArmConfig,
        teacher: &Weights,
    ) -> Result<Option<Self>, Error> {
        let every = config.train.track_bounds;
        if every == 0 {
            return Ok(None);
        }
        let mut engine = setup.engine(&setup.teacher, teacher, &[], false)?;
        let labels = &setup.dataset.train.labels;
        Ok(Some(Self {
            every,
            epochs: config.train.epochs,
            arm,
            student: &setup.student,
            dataset: &setup.dataset,
            val: &setup.val,
            labels: setup.val.iter().map(|i| labels[*i as usize]).collect(),
            teacher: Features::of(engine.as_mut(), &setup.dataset, Part::Train, &setup.val)?,
            teacher_head: Affine::head(&setup.teacher, teacher)?,
            settings: Settings::new(config.train.batch_size),
        }))
    }

    /// True after every k-th epoch, counted from 1, and after the last.
    pub fn is_due(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.every) || epoch == self.epochs
    }

    /// The terms of the student that `engine` holds with these weights and learned parts.
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn terms(
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
