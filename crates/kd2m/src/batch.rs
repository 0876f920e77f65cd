//! What one network says about one mini-batch, and what every loss reads.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use crate::engine::Mode;

/// What one network says about n samples. The student's tensors are tracked, the teacher's are constants.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// Penultimate activations after the last ReLU and pooling `[n, d]`.
    pub features: Tensor<2>,
    /// `[n, classes]`.
    pub logits: Tensor<2>,
    /// Stage outputs by name `[n, c, h, w]`, filled only when a criterion asks for them.
    pub maps: Vec<(Arc<str>, Tensor<4>)>,
}

impl Outputs {
    /// The map of a stage.
    pub fn map(&self, stage: &str) -> Option<&Tensor<4>> {
        self.maps.iter().find(|(name, _)| name.as_ref() == stage).map(|(_, map)| map)
    }

    /// The same values as leaves of a new tape, so that a loss's gradients with respect to them can be read.
    pub fn leaves(&self) -> Outputs {
        Outputs {
            features: leaf(&self.features),
            logits: leaf(&self.logits),
            maps: self.maps.iter().map(|(name, map)| (name.clone(), leaf(map))).collect(),
        }
    }

    /// The same values without a tape.
    pub fn constants(&self) -> Outputs {
        Outputs {
            features: self.features.clone().inner(),
            logits: self.logits.clone().inner(),
            maps: self.maps.iter().map(|(name, map)| (name.clone(), map.clone().inner())).collect(),
        }
    }
}

/// A tracked leaf with the value of `tensor`.
pub fn leaf<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    tensor.clone().inner().autodiff().require_grad()
}

/// The values of a tensor on the host, row-major.
pub fn host<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    let data: TensorData = tensor.clone().inner().into_data();
    data.convert::<f32>().try_into_vec::<f32>().unwrap_or_default()
}

/// One mini-batch as a criterion sees it.
pub struct Batch<'a> {
    /// A in every divergence. Tracked.
    pub student: &'a Outputs,
    /// B in every divergence. Constants.
    pub teacher: &'a Outputs,
    /// One class a sample; empty where the objective uses no labels.
    pub labels: &'a [u32],
    /// Which samples of the data set these are.
    pub indices: &'a [u32],
    /// Optimizer steps taken so far.
    pub step: usize,
    pub epoch: usize,
    pub seed: u64,
    /// Evaluation changes no memory.
    pub mode: Mode,
}
