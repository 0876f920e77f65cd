//! How long a step takes here: a few epochs of two batches with random weights, arms side by side as the grid trains them. The quickest epoch counts
//! but the first, which warms caches: other processes can only make a step longer.

use std::{collections::BTreeMap, time::Duration};

use kd2m_data::training_batches;
use kd2m_nn::{Weights, init};
use tempfile::TempDir;

use super::setting::scaled;
use crate::{
    Config, Error,
    config::ArmConfig,
    files,
    objective::Objective,
    ranks::Share,
    teacher::{Cache, Limits, NetworkTeacher, Teacher},
    train::{
        EpochRecord, Halt, Silent,
        checkpoint::Checkpoints,
        drawn::Drawn,
        fit::{self, Learner, Views},
        outlook,
        setup::Setup,
        side::TeacherSide,
    },
};

/// What makes any weight harmless.
const VANISHING: f64 = 1e-30;
/// Epochs of two batches by which a step is timed.
const EPOCHS: usize = 4;

/// A cell's networks with little data.
pub(super) struct Timing<'a> {
    config: &'a Config,
    setup: &'a Setup,
    drawn: &'a Drawn,
    teacher: Weights,
    scratch: TempDir,
}

impl<'a> Timing<'a> {
    /// Of a cell whose students see these images.
    ///
    /// # Errors
    /// The disk.
    pub fn new(config: &'a Config, setup: &'a Setup, drawn: &'a Drawn) -> Result<Self, Error> {
        let scratch = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), e))?;
        let teacher = setup.teacher.graph().map_or_else(|_| Weights::new(), |graph| init::initialise(graph, 0));
        Ok(Self { config, setup, drawn, teacher, scratch })
    }

    /// Seconds of a step of the teacher.
    ///
    /// # Errors
    /// What the engine cannot do.
    pub fn of_teacher(&self) -> Result<f64, Error> {
        let setup = self.setup;
        let graph = setup.teacher.graph()?;
        let learner = Learner {
            config: self.config,
            name: "teacher",
            engine: setup.engine_seeing(&setup.teacher_eyes, graph, &self.teacher, &[], true)?,
            head: None,
            objective: Objective::cross_entropy(0.0),
            checkpoints: self.checkpoints()?,
            observer: Box::new(Silent),
        };
        let (train, val) = self.few(&setup.teacher_train);
        let views = self.views(&train, &val);
        Ok(self.step(&views, &fit::one(&views, None, learner)?.history))
    }

    /// Seconds in which a teacher that is given answers an image, by the quicker of two batches.
    ///
    /// # Errors
    /// What the engine cannot do.
    pub fn of_answer(&self) -> Result<f64, Error> {
        let mut engine = self.setup.teacher_engine(&self.teacher, &[])?;
        let (_, few) = self.few(&[]);
        outlook::seconds_an_image(self.setup, engine.as_mut(), &few)
    }

    /// Seconds of a step of each arm, so many of them side by side.
    ///
    /// # Errors
    /// What engine or criteria cannot do.
    pub fn of_arms(&self, arms: &[&ArmConfig], at_once: usize) -> Result<Vec<f64>, Error> {
        let mut groups: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
        for (index, arm) in arms.iter().enumerate() {
            groups.entry(self.objective(arm)?.needs().teacher_maps).or_default().push(index);
        }
        let mut seconds = vec![f64::NAN; arms.len()];
        for (maps, group) in &groups {
            for some in group.chunks(at_once) {
                let mut again = Vec::new();
                let own: Vec<ArmConfig> = some.iter().map(|index| arms[*index].clone()).collect();
                for (index, end) in some.iter().zip(self.of_group(maps, &own)?) {
                    match end {
                        // A weight that is too large with random networks costs as much as one that is not.
                        Err(Error::NotFinite { .. }) => again.push(*index),
                        end => seconds[*index] = end?,
                    }
                }
                let own: Vec<ArmConfig> = again.iter().map(|index| scaled(arms[*index], VANISHING)).collect();
                for (index, end) in again.iter().zip(self.of_group(maps, &own)?) {
                    seconds[*index] = end?;
                }
            }
        }
        Ok(seconds)
    }

    fn objective(&self, arm: &ArmConfig) -> Result<Objective, Error> {
        let setup = self.setup;
        Objective::new(self.config, arm, &setup.shapes(self.drawn), &setup.device.burn()?, 0)
    }

    /// Of arms that read these maps of the teacher.
    fn of_group(&self, maps: &[String], arms: &[ArmConfig]) -> Result<Vec<Result<f64, Error>>, Error> {
        if arms.is_empty() {
            return Ok(Vec::new());
        }
        let (setup, config) = (self.setup, self.config);
        let mut teacher: Box<dyn Teacher> = match &setup.teacher {
            TeacherSide::Outputs(stored) => {
                let all = self.drawn.all().chain(setup.val.iter().copied());
                setup.stored_teacher(config, stored.as_ref().clone(), all)?
            }
            TeacherSide::Network(_) | TeacherSide::Frozen(_) => {
                let engine = setup.teacher_engine(&self.teacher, maps)?;
                let layout = setup.teacher.layout(maps).filter(|_| config.teacher.cache.is_on());
                let cache = |layout| Cache::in_memory(layout, setup.dataset.train.len(), Limits::default());
                Box::new(NetworkTeacher::new(engine, layout.map(cache)))
            }
        };
        let start = init::initialise(&setup.student, 0);
        let (train, val) = self.few(&self.drawn.train);
        let views = self.views(&train, &val);
        let fitted =
            fit::fit(&views, Some(teacher.as_mut()), arms.iter().map(|arm| self.learner(arm, &start)).collect())?;
        Ok(fitted.into_iter().map(|one| Ok(self.step(&views, &one?.history))).collect())
    }
    fn learner<'b>(&'b self, arm: &'b ArmConfig, start: &Weights) -> Result<Learner<'b>, Error> {
        let (setup, objective) = (self.setup, self.objective(arm)?);
        let maps = objective.needs().student_maps;
        Ok(Learner {
            config: self.config,
            name: &arm.name,
            engine: setup.engine_seeing(&setup.student_eyes, &setup.student, start, &maps, true)?,
            head: Some(format!("{}.weight", setup.student.node(setup.student.logits()).name)),
            objective,
            checkpoints: self.checkpoints()?,
            observer: Box::new(Silent),
        })
    }

    /// Two batches to learn from, one to validate on.
    fn few(&self, train: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let size = self.config.train.batch_size;
        let few = |indices: &[u32], n: usize| indices.iter().copied().take(n).collect();
        (few(train, 2 * size), few(&self.setup.val, size))
    }

    fn views<'v>(&'v self, train: &'v [u32], val: &'v [u32]) -> Views<'v> {
        Views {
            dataset: &self.setup.dataset,
            train,
            mixture: None,
            val,
            augment: &self.setup.augment,
            mix: self.config.train.mix(),
            epochs: EPOCHS,
            batch_size: self.config.train.batch_size,
            accumulate: self.config.train.accumulate,
            seed: 0,
            halt: Halt::default(),
            share: Share::WHOLE,
        }
    }

    /// A place of its own for each network: the last one may be written.
    fn checkpoints(&self) -> Result<Checkpoints, Error> {
        let place = files::temporary_folder(self.scratch.path())?.keep();
        Ok(Checkpoints::new(&place, Duration::MAX))
    }

    fn step(&self, views: &Views, history: &[EpochRecord]) -> f64 {
        let steps = training_batches(views.train, views.batch_size).len() as f64;
        history.iter().skip(1).map(|record| record.seconds / steps).fold(f64::INFINITY, f64::min)
    }
}
