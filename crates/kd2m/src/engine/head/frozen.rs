//! An engine whose last layer is not trained: the student learns features for a classifier that stays as it is (SimKD, Chen et al. 2022,
//! keeps the teacher's). A gradient of the logits goes to the features through the fixed weight, and the engine below sees none.

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_nn::{Graph, NamedTensor, Weights};

use super::left_to_inner;
use crate::{
    batch::{CopyError, Outputs},
    engine::{Engine, EngineError, Images, Mode, OutputGradients, Then, Update},
};

/// Trains everything but the classifier.
pub struct FrozenHead {
    inner: Box<dyn Engine>,
    /// `[classes, features]`.
    weight: Tensor<2>,
    /// The classifier's tensors under their keys.
    head: Weights,
}

impl FrozenHead {
    /// Keeps the classifier that `inner` has, whose weight is in `weights`.
    ///
    /// # Errors
    /// Weights without the classifier's.
    pub fn new(inner: Box<dyn Engine>, graph: &Graph, weights: &Weights) -> Result<Self, EngineError> {
        let part = |name: &str| format!("{}.{name}", graph.node(graph.logits()).name);
        let key = part("weight");
        let missing = || EngineError::Weights { model: graph.name.clone(), message: format!("`{key}` is missing") };
        let tensor = weights.get(&key).ok_or_else(missing)?;
        let data = TensorData::new(tensor.values.clone(), [graph.classes(), graph.feature_width()]);
        let head = [part("weight"), part("bias")]
            .into_iter()
            .filter_map(|key| Some((key.clone(), weights.get(&key)?.clone())));
        Ok(Self { weight: Tensor::from_data(data, &inner.device().without_autodiff()), head: head.collect(), inner })
    }

    fn through_head(&self, gradients: &OutputGradients) -> OutputGradients {
        let by_logits = gradients.logits.as_ref().map(|g| g.clone().matmul(self.weight.clone()));
        let features = match (gradients.features.clone(), by_logits) {
            (Some(own), Some(through)) => Some(own + through),
            (own, through) => own.or(through),
        };
        OutputGradients { features, logits: None, maps: gradients.maps.clone() }
    }

    /// Weight decay shrinks what has no gradient too: the classifier is put back.
    fn undo_decay(&mut self, update: &Update) -> Result<(), EngineError> {
        if update.weight_decay == 0.0 { Ok(()) } else { self.inner.replace(&self.head) }
    }
}

impl Engine for FrozenHead {
    left_to_inner!();

    fn backward(&mut self, gradients: &OutputGradients, then: Then) -> Result<(), EngineError> {
        self.inner.backward(&self.through_head(gradients), then)?;
        match then {
            Then::Accumulate => Ok(()),
            Then::Step(update) => self.undo_decay(&update),
        }
    }

    fn step(&mut self, update: &Update) -> Result<(), EngineError> {
        self.inner.step(update)?;
        self.undo_decay(update)
    }
}
