//! An engine whose last layer is not trained: the student learns features for a classifier that stays as it is (SimKD, Chen et al. 2022,
//! keeps the teacher's). A gradient of the logits goes to the features through the fixed weight, and the engine below sees none.

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_nn::{Graph, Weights};

use super::{Engine, EngineError, Images, Mode, OutputGradients, Then, Update};
use crate::batch::Outputs;

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

    /// Weight decay shrinks what has no gradient too: the classifier is put back, which copies the network.
    fn undo_decay(&mut self, update: &Update) -> Result<(), EngineError> {
        if update.weight_decay == 0.0 {
            return Ok(());
        }
        let mut network = self.inner.network_state();
        network.extend(self.head.clone());
        self.inner.load_network(&network)
    }
}

impl Engine for FrozenHead {
    fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
        self.inner.forward(images, mode)
    }

    fn backward(&mut self, gradients: &OutputGradients, then: Then) -> Result<(), EngineError> {
        self.inner.backward(&self.through_head(gradients), then)?;
        match then {
            Then::Accumulate => Ok(()),
            Then::Step(update) => self.undo_decay(&update),
        }
    }

    fn gradient_norm_squared(&self) -> f64 {
        self.inner.gradient_norm_squared()
    }

    fn step(&mut self, update: &Update) -> Result<(), EngineError> {
        self.inner.step(update)?;
        self.undo_decay(update)
    }

    fn network_state(&self) -> Weights {
        self.inner.network_state()
    }

    fn optimizer_state(&self) -> Weights {
        self.inner.optimizer_state()
    }

    fn load_network(&mut self, weights: &Weights) -> Result<(), EngineError> {
        self.inner.load_network(weights)
    }

    fn load_optimizer(&mut self, state: &Weights) -> Result<(), EngineError> {
        self.inner.load_optimizer(state)
    }

    fn gradients(&self) -> Weights {
        self.inner.gradients()
    }

    fn arithmetic(&self) -> String {
        self.inner.arithmetic()
    }

    fn device(&self) -> Device {
        self.inner.device()
    }
}
