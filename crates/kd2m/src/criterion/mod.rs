//! Terms of the distillation objective: what the student is asked beside its labels. [`matching`] makes one of any
//! divergence of `kd2m-ot`; the field's methods, one a file, are listed in [`baselines`]. [`registry`] knows all.

pub mod at;
pub mod baselines;
pub mod cc;
mod class_cost;
pub mod crd;
pub mod dist;
pub mod dkd;
mod embedding;
pub mod fitnet;
pub mod hinton;
pub mod ickd;
pub mod jw2_mistaken;
pub mod matching;
pub mod memory;
pub mod nst;
pub mod pkt;
pub mod projector;
pub mod registry;
mod regressor;
pub mod rkd;
pub mod sinkd;
pub mod sp;
pub mod stages;
mod unit;
pub mod vid;
pub mod wkd_f;
pub mod wkd_l;

use std::fmt;

use burn::tensor::{Device, Tensor};
use kd2m_ot::error::nearest_names;
use thiserror::Error;

use crate::{
    batch::{Batch, CopyError},
    parameters::ParameterSet,
};

/// What a criterion reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Student's stages whose maps it reads.
    pub student_maps: Vec<String>,
    /// Teacher's stages whose maps it reads.
    pub teacher_maps: Vec<String>,
    /// Ground-truth classes.
    pub labels: bool,
}

/// Sizes that learned parts are made for.
#[derive(Debug, Clone)]
pub struct Shapes {
    pub student: NetworkShapes,
    pub teacher: NetworkShapes,
    pub classes: usize,
    /// The images that are trained on, by their place in the data set, for memories by sample.
    pub train: Vec<u32>,
}

/// Sizes of one network's outputs.
#[derive(Debug, Clone, Default)]
pub struct NetworkShapes {
    /// Feature width d.
    pub features: usize,
    /// Stages as (name, channels, height, width).
    pub maps: Vec<(String, [usize; 3])>,
}

impl NetworkShapes {
    /// Read off a graph.
    pub fn of(graph: &kd2m_nn::Graph) -> Self {
        let maps = graph.stages().iter().filter_map(|(name, id)| match graph.node(*id).shape {
            kd2m_nn::Shape::Map { channels, height, width } => Some((name.clone(), [channels, height, width])),
            kd2m_nn::Shape::Vector(_) => None,
        });
        Self { features: graph.feature_width(), maps: maps.collect() }
    }

    /// The `[channels, height, width]` of a stage.
    pub fn map(&self, stage: &str) -> Option<[usize; 3]> {
        self.maps.iter().find(|(name, _)| name == stage).map(|(_, shape)| *shape)
    }
}

/// A name that is no output of a network: what it could have been, and what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownOutput {
    name: String,
    /// `student` or `teacher`.
    who: &'static str,
    near: Vec<String>,
    /// What every network gives, where one of these could stand in place of a stage.
    always: &'static [&'static str],
    /// What the network has, with sizes where the images are known.
    stages: Vec<(String, Option<[usize; 3]>)>,
}

impl UnknownOutput {
    /// Of `network`, which has no stage of this name; `always` lists what else could have been meant.
    pub fn new(name: &str, who: &'static str, network: &NetworkShapes, always: &'static [&'static str]) -> Self {
        let known = always.iter().copied().chain(network.maps.iter().map(|(stage, _)| stage.as_str()));
        Self {
            name: name.to_owned(),
            who,
            near: nearest_names(name, known),
            always,
            stages: network.maps.iter().map(|(stage, shape)| (stage.clone(), Some(*shape))).collect(),
        }
    }
}

impl UnknownOutput {
    /// Of a network that was built for other images than the run's: only the names of its stages count.
    pub fn without_sizes(mut self) -> Self {
        self.stages.iter_mut().for_each(|(_, shape)| *shape = None);
        self
    }
}

impl fmt::Display for UnknownOutput {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { name, who, near, always, stages } = self;
        write!(f, "the {who} has no stage `{name}`")?;
        if !near.is_empty() {
            write!(f, "; did you mean {}?", near.join(" or "))?;
        }
        let stage = |(name, shape): &(String, Option<[usize; 3]>)| match shape {
            Some([c, h, w]) => format!("{name} {c}×{h}×{w}"),
            None => name.clone(),
        };
        let stages = match stages.as_slice() {
            [] => "no stages with a map".to_owned(),
            all => all.iter().map(stage).collect::<Vec<_>>().join(", "),
        };
        match always {
            [] => write!(f, " It has {stages}"),
            _ => write!(f, " It has {} and {stages}", always.join(", ")),
        }
    }
}

/// Named numbers beside a loss that a person may want to see.
pub type Diagnostics = Vec<(String, f64)>;

/// The value of a criterion on one batch.
pub struct Term {
    /// `[1]`, with gradient to the student's outputs.
    pub loss: Tensor<1>,
    pub diagnostics: Diagnostics,
}

impl Term {
    /// A loss with nothing else to say.
    pub fn new(loss: Tensor<1>) -> Self {
        Self { loss, diagnostics: Vec::new() }
    }

    /// The sum of a loss over stages.
    ///
    /// # Errors
    /// No stages: `prepare` was not called.
    pub fn sum(losses: impl Iterator<Item = Tensor<1>>) -> Result<Self, CriterionError> {
        losses.reduce(|a, b| a + b).map(Self::new).ok_or(CriterionError::Unprepared)
    }
}

/// Why a criterion cannot be built or evaluated.
#[derive(Debug, Error)]
pub enum CriterionError {
    #[error("{0}")]
    Config(String),
    #[error("criterion {criterion}: {unknown}")]
    UnknownOutput { criterion: String, unknown: UnknownOutput },
    /// A memory of a checkpoint that is not this criterion's.
    #[error("saved memory of {criterion}: {why}")]
    SavedMemory { criterion: String, why: String },
    /// A criterion that has no use for a key of its loss.
    #[error("criterion {criterion} {why}")]
    Unused { criterion: String, why: String },
    #[error("a criterion was evaluated before `prepare` made it for the networks' sizes")]
    Unprepared,
    #[error(transparent)]
    Distance(#[from] kd2m_ot::OtError),
    #[error(transparent)]
    Copy(#[from] CopyError),
}

impl CriterionError {
    /// A value of the student with which no distance can be computed: training has left the numbers.
    pub fn unusable_student_value(&self) -> Option<f64> {
        match self {
            Self::Distance(error) => error.unusable_value(kd2m_ot::Side::A),
            _ => None,
        }
    }
}

/// One term of the objective. The teacher's outputs carry no gradient.
pub trait Criterion: Send {
    /// What it reads; default stages are known after `prepare`.
    fn needs(&self) -> Needs;

    /// Makes learned parts (projectors and the like) for these sizes; called once before training.
    ///
    /// # Errors
    /// Sizes that do not go together; the message names both and what to do.
    fn prepare(&mut self, shapes: &Shapes, device: &Device, seed: u64) -> Result<(), CriterionError>;

    /// The loss on one batch. In evaluation mode no memory changes.
    ///
    /// # Errors
    /// A batch on which it is not defined.
    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError>;

    /// Parts that are trained with the student and kept out of its file.
    fn learned(&mut self) -> Option<&mut ParameterSet> {
        None
    }

    /// The student's features as this criterion compares them (through its projector), if it changes them.
    fn project(&self, _features: &Tensor<2>) -> Option<Tensor<2>> {
        None
    }

    /// Memories and queues, for exact resume.
    ///
    /// # Errors
    /// A memory that cannot be copied from its device.
    fn state(&self) -> Result<kd2m_nn::Weights, CopyError> {
        Ok(kd2m_nn::Weights::new())
    }

    /// Puts a saved memory back.
    ///
    /// # Errors
    /// A memory of another shape.
    fn load_state(&mut self, _state: &kd2m_nn::Weights) -> Result<(), CriterionError> {
        Ok(())
    }
}
