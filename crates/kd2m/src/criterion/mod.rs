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

use burn::tensor::{Device, Tensor};
use thiserror::Error;

use crate::{batch::Batch, parameters::ParameterSet};

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
    #[error("a criterion was evaluated before `prepare` made it for the networks' sizes")]
    Unprepared,
    #[error(transparent)]
    Distance(#[from] kd2m_ot::OtError),
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
    fn state(&self) -> kd2m_nn::Weights {
        kd2m_nn::Weights::new()
    }

    /// Puts a saved memory back.
    ///
    /// # Errors
    /// A memory of another shape.
    fn load_state(&mut self, _state: &kd2m_nn::Weights) -> Result<(), CriterionError> {
        Ok(())
    }
}
