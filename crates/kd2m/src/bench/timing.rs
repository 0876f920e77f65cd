//! How long a step takes here: a few epochs of two batches with random weights, arms side by side as the grid trains them and memories as full as they
//! get. The quickest epoch counts but the first, which warms caches: other processes can only make a step longer.

use std::{collections::BTreeMap, time::Duration};

use kd2m_data::Mixture;
use kd2m_nn::{Weights, init};
use tempfile::TempDir;

use super::setting::scaled;
use crate::{
    Config, Error,
    config::ArmConfig,
    files,
    objective::Objective,
    ranks::Share,
    teacher::{Bank, Cache, Limits, NetworkTeacher, StoredOutputs, Teacher},
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
/// Rows of a bank that batches are drawn from.
const BANK: usize = 1 << 14;

/// A little of what a network sees.
struct Few {
    train: Vec<u32>,
    mixture: Option<Mixture>,
    val: Vec<u32>,
}

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
        let few = self.few(&setup.teacher_train, None);
        let views = self.views(&few);
        Ok(step(&views, &fit::one(&views, None, learner)?.history))
    }

    /// Seconds in which a teacher that is given answers an image, by the quicker of two batches.
    ///
    /// # Errors
    /// What the engine cannot do.
    pub fn of_answer(&self) -> Result<f64, Error> {
        let mut engine = self.setup.teacher_engine(&self.teacher, &[])?;
        outlook::seconds_an_image(self.setup, engine.as_mut(), &self.few(&[], None).val)
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
            TeacherSide::Network(_) | TeacherSide::Frozen(_) if !config.teacher.paired => {
                Box::new(Bank::new(self.bank(), setup.device.burn()?))
            }
            TeacherSide::Network(_) | TeacherSide::Frozen(_) => {
                let engine = setup.teacher_engine(&self.teacher, maps)?;
                let layout = setup.teacher.layout(maps).filter(|_| config.teacher.cache.is_on());
                let cache = |layout| Cache::in_memory(layout, setup.dataset.train.len(), Limits::default());
                Box::new(NetworkTeacher::new(engine, layout.map(cache)))
            }
        };
        let start = init::initialise(&setup.student, 0);
        let few = self.few(&self.drawn.train, self.drawn.mixture.as_ref());
        let views = self.views(&few);
        let begun = arms.iter().map(|arm| match self.learner(arm, &start) {
            Ok((learner, times)) => (Ok(learner), times),
            Err(error) => (Err(error), 1.0),
        });
        let (learners, longer): (Vec<_>, Vec<_>) = begun.unzip();
        let fitted = fit::fit(&views, Some(teacher.as_mut()), learners)?;
        Ok(fitted.into_iter().zip(longer).map(|(one, times)| Ok(times * step(&views, &one?.history))).collect())
    }

    /// Outputs of nobody: what a step costs does not depend on them.
    fn bank(&self) -> StoredOutputs {
        let (setup, width) = (self.setup, self.setup.teacher.feature_width());
        let (labels, classes) = (&setup.dataset.train.labels, setup.dataset.classes);
        let labels: Vec<u32> = setup.teacher_train.iter().take(BANK).map(|index| labels[*index as usize]).collect();
        StoredOutputs {
            features: init::uniform(0, "features", labels.len() * width, 1.0),
            width,
            logits: Some(init::uniform(0, "logits", labels.len() * classes, 1.0)),
            classes,
            labels: Some(labels),
            ids: None,
            head: None,
            class_names: Vec::new(),
        }
    }

    /// A student that will have memories as full as they get, and how many times as long its step is where they are fuller than that.
    fn learner<'b>(&'b self, arm: &'b ArmConfig, start: &Weights) -> Result<(Learner<'b>, f64), Error> {
        let (setup, train) = (self.setup, &self.config.train);
        let mut objective = self.objective(arm)?;
        let longer = objective.rehearse(train.epochs * self.drawn.batches(train.batch_size) * train.batch_size);
        let maps = objective.needs().student_maps;
        let learner = Learner {
            config: self.config,
            name: &arm.name,
            engine: setup.engine_seeing(&setup.student_eyes, &setup.student, start, &maps, true)?,
            head: Some(format!("{}.weight", setup.student.node(setup.student.logits()).name)),
            objective,
            checkpoints: self.checkpoints()?,
            observer: Box::new(Silent),
        };
        Ok((learner, longer))
    }

    /// Two batches to learn from, mixed as these are, and one to validate on.
    fn few(&self, train: &[u32], mixture: Option<&Mixture>) -> Few {
        let size = self.config.train.batch_size;
        let few = |indices: &[u32], n: usize| -> Vec<u32> { indices.iter().copied().take(n).collect() };
        let mixture = mixture.map(|whole| Mixture {
            labelled: few(&whole.labelled, 2 * size),
            unlabelled: few(&whole.unlabelled, 2 * size),
            batches: 2,
            ..*whole
        });
        Few { train: few(train, 2 * size), mixture, val: few(&self.setup.val, size) }
    }

    fn views<'v>(&'v self, few: &'v Few) -> Views<'v> {
        Views {
            dataset: &self.setup.dataset,
            train: &few.train,
            mixture: few.mixture.as_ref(),
            val: &few.val,
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
}

/// Seconds of a step in the quickest epoch but the first.
fn step(views: &Views, history: &[EpochRecord]) -> f64 {
    history.iter().skip(1).map(|record| record.seconds / views.batches() as f64).fold(f64::INFINITY, f64::min)
}
