//! Two traits: [`Recipe`], a criterion whose options are checked, and [`Criterion`], which a recipe makes for the sizes of two
//! networks and which is then ready.

use std::fmt;

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_nn::Weights;

use crate::{
    batch::{Batch, CopyError},
    error::CriterionError,
    parameters::ParameterSet,
    shapes::{Needs, Shapes},
};

/// Named numbers beside a loss that a person may want to see.
pub type Diagnostics = Vec<(String, f64)>;

/// The value of a criterion on one batch.
pub struct Term {
    /// `[1]`, with gradient to the student's outputs.
    pub loss: Tensor<1>,
    /// What else there is to say of the batch.
    pub diagnostics: Diagnostics,
}

impl Term {
    /// A loss with nothing else to say.
    pub fn new(loss: Tensor<1>) -> Self {
        Self { loss, diagnostics: Vec::new() }
    }

    /// The sum of a loss over stages; 0 over none.
    pub fn sum(batch: &Batch, losses: impl Iterator<Item = Tensor<1>>) -> Self {
        let zero = || Tensor::from_data(TensorData::new(vec![0f32], [1]), &batch.student.logits.device());
        Self::new(losses.reduce(|a, b| a + b).unwrap_or_else(zero))
    }
}

/// One term of the objective, made for two networks. The teacher's outputs carry no gradient.
pub trait Criterion: Send {
    /// What it reads.
    fn needs(&self) -> Needs;

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

    /// Fills its memory in the next training step with variations of that batch, as after so many samples, so that a step which comes late in
    /// training can be timed at once. Gives how many times as long a step with so many would take, where it fills fewer; 1 for all others.
    fn rehearse(&mut self, _samples: usize) -> f64 {
        1.0
    }

    /// Memories and queues, for exact resume.
    ///
    /// # Errors
    /// A memory that cannot be copied from its device.
    fn state(&self) -> Result<Weights, CopyError> {
        Ok(Weights::new())
    }

    /// Puts a saved memory back.
    ///
    /// # Errors
    /// A memory of another shape.
    fn load_state(&mut self, _state: &Weights) -> Result<(), CriterionError> {
        Ok(())
    }
}

/// A criterion whose options are read and checked: all that can be known before the networks are.
pub trait Recipe: fmt::Debug + Send + Sync {
    /// What it will read; stages that it chooses by itself are known once it is made.
    fn needs(&self) -> Needs;

    /// Makes the criterion, with learned parts drawn from `seed`, for networks of these sizes.
    ///
    /// # Errors
    /// Sizes that do not go together; the message names both and what to do.
    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError>;
}

/// A criterion that depends on no size is its own recipe.
impl<C: Criterion + Clone + fmt::Debug + Sync + 'static> Recipe for C {
    fn needs(&self) -> Needs {
        Criterion::needs(self)
    }

    fn init(&self, _: &Shapes, _: &Device, _: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        Ok(Box::new(self.clone()))
    }
}
