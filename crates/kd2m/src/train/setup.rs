//! From a checked configuration to data, graphs and engines.

use std::{path::Path, sync::Arc};

use kd2m_data::{Augment, Dataset};
use kd2m_nn::{
    Graph, Weights, init, weights,
    zoo::{self, Stem, ZooOptions},
};

use crate::{
    Error,
    config::{ArmConfig, Config, Head},
    criterion::{NetworkShapes, Shapes},
    device::DeviceChoice,
    engine::{
        Engine,
        burn::BurnEngine,
        cpu::CpuEngine,
        head::{FrozenHead, LipschitzHead},
    },
    warning,
};

/// Data and networks of a run.
pub struct Setup {
    pub dataset: Arc<Dataset>,
    /// Samples that students learn from.
    pub train: Vec<u32>,
    /// Samples that the teacher learns from when it is trained here.
    pub teacher_train: Vec<u32>,
    /// Samples that both validate on: no student validates on images that its teacher was trained on.
    pub val: Vec<u32>,
    pub augment: Augment,
    pub teacher: Graph,
    pub student: Graph,
    pub device: DeviceChoice,
    /// Of the CPU engine; 0: one a core.
    pub threads: usize,
}

impl Setup {
    /// Loads the data and builds both graphs.
    ///
    /// # Errors
    /// Data that is not there or broken, an unknown model, images that a model cannot take.
    pub fn new(config: &Config, device: DeviceChoice, threads: usize) -> Result<Self, Error> {
        let data = &config.data;
        let dataset = kd2m_data::load(&data.dataset, data.root.as_deref())?;
        dataset.notes.iter().try_for_each(|note| warning::warn(note))?;
        let fraction = data.val_fraction.unwrap_or(dataset.val_fraction);
        let labels = &dataset.train.labels;
        let split = kd2m_data::split(labels, dataset.classes, fraction, data.split_seed);
        let limited = |limit| kd2m_data::limit(&split.train, labels, dataset.classes, limit, data.split_seed);
        let train = limited(data.train_limit);
        let teacher_train = limited(config.teacher.train_limit.unwrap_or(data.train_limit));
        if train.len() < 2 || teacher_train.len() < 2 || split.val.is_empty() {
            return Err(Error::Config(format!(
                "{} training and {} validation images are left: raise data.train_limit or change data.val_fraction",
                train.len(),
                split.val.len()
            )));
        }
        let augment = match data.augment.as_str() {
            "default" => dataset.augment,
            text => text.parse()?,
        };
        let graph = |model: &str, stem: Stem| {
            let options = ZooOptions {
                classes: dataset.classes,
                stem,
                channels: dataset.channels,
                height: dataset.height,
                width: dataset.width,
                mean: dataset.mean.clone(),
                std: dataset.std.clone(),
            };
            zoo::build(model, &options)
        };
        let teacher = graph(&config.teacher.model, config.teacher.stem)?;
        let student = graph(&config.student.model, config.student.stem)?;
        if !config.student.head.is_own() && student.feature_width() != teacher.feature_width() {
            return Err(Error::Config(format!(
                "student.head = \"teacher\": the teacher's classifier takes {} features, {} has {}: choose a student of that width",
                teacher.feature_width(),
                student.name,
                student.feature_width()
            )));
        }
        Ok(Self {
            teacher,
            student,
            train,
            teacher_train,
            val: split.val,
            augment,
            dataset: Arc::new(dataset),
            device,
            threads,
        })
    }

    /// Sizes that criteria are prepared for.
    pub fn shapes(&self) -> Shapes {
        Shapes {
            student: NetworkShapes::of(&self.student),
            teacher: NetworkShapes::of(&self.teacher),
            classes: self.dataset.classes,
            train: self.train.clone(),
        }
    }

    /// An engine that runs (and, when `trainable`, trains) a graph on the run's device, with these maps handed out.
    ///
    /// # Errors
    /// Weights that do not fit, a stage that is not there, or a device that was not compiled in.
    pub fn engine(
        &self,
        graph: &Graph,
        weights: &Weights,
        stages: &[String],
        trainable: bool,
    ) -> Result<Box<dyn Engine>, Error> {
        Ok(match self.device {
            DeviceChoice::Cpu => Box::new(CpuEngine::new(graph, weights, stages, trainable, self.threads)?),
            other => Box::new(BurnEngine::new(graph, weights, stages, &other.burn()?)?),
        })
    }

    /// The weights that every arm of a seed starts from; with `student.head = "teacher"` their classifier is the teacher's.
    ///
    /// # Errors
    /// A file of `student.weights` that cannot be read or does not fit.
    pub fn student_start(&self, config: &Config, seed: u64, teacher: &Weights) -> Result<Weights, Error> {
        let mut initial = match &config.student.weights {
            Some(path) => start(path, &self.student, seed)?,
            None => init::initialise(&self.student, seed),
        };
        if !config.student.head.is_own() {
            let name = |graph: &Graph| graph.node(graph.logits()).name.clone();
            let (own, given) = (name(&self.student), name(&self.teacher));
            for part in ["weight", "bias"] {
                let tensor = teacher.get(&format!("{given}.{part}"));
                initial.extend(tensor.map(|tensor| (format!("{own}.{part}"), tensor.clone())));
            }
        }
        Ok(initial)
    }

    /// The engine that trains a student of an arm from these weights.
    ///
    /// # Errors
    /// As [`engine`](Setup::engine).
    pub fn student_engine(
        &self,
        config: &Config,
        arm: &ArmConfig,
        start: &Weights,
        stages: &[String],
    ) -> Result<Box<dyn Engine>, Error> {
        let engine = self.engine(&self.student, start, stages, true)?;
        Ok(match config.student.head {
            Head::Own if arm.head_lipschitz > 0.0 => {
                Box::new(LipschitzHead::new(engine, &self.student, arm.head_lipschitz))
            }
            Head::Own => engine,
            Head::Teacher => Box::new(FrozenHead::new(engine, &self.student, start)?),
        })
    }

    /// The weights that a teacher which is trained here starts from.
    ///
    /// # Errors
    /// A file of `teacher.init` that cannot be read or does not fit.
    pub fn teacher_start(&self, config: &Config) -> Result<Weights, Error> {
        match &config.teacher.init {
            Some(path) => start(path, &self.teacher, config.teacher.seed),
            None => Ok(init::initialise(&self.teacher, config.teacher.seed)),
        }
    }
}

/// A file's weights; a classifier of other classes, as ImageNet's, gives way to a random one.
fn start(path: &Path, graph: &Graph, seed: u64) -> Result<Weights, Error> {
    Ok(weights::read_start(path, graph, &init::initialise(graph, seed))?.0)
}
