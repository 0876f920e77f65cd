//! What one network says about one mini-batch, and what every loss reads.

use std::sync::Arc;

use burn::tensor::Tensor;
use thiserror::Error;

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

/// Why a tensor's values did not reach the host: its device failed, or they are of a type that is no plain number.
#[derive(Debug, Error)]
#[error(
    "cannot copy a tensor of shape {shape:?} from its device: {}. Run it again, with --device cpu if the device keeps failing",
    in_a_line(source.as_ref())
)]
pub struct CopyError {
    shape: Vec<usize>,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// A device's reasons come on several lines.
fn in_a_line(reason: &dyn std::error::Error) -> String {
    reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The values of a tensor on the host, row-major.
///
/// # Errors
/// A device that fails: no values are never taken for an empty tensor.
pub fn host<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f32>, CopyError> {
    let failed = |source| CopyError { shape: tensor.dims().to_vec(), source };
    tensor.clone().inner().try_into_vec_as::<f32>().map_err(|source| failed(source.into()))
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

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData, quantization::QuantScheme};

    use super::*;

    #[test]
    fn a_copy_that_fails_is_an_error_and_no_empty_cloud() {
        let values: Vec<f32> = (0..128).map(|i| i as f32).collect();
        let tensor = Tensor::<2>::from_data(TensorData::new(values.clone(), [4, 32]), &Device::flex());
        assert_eq!(host(&tensor).unwrap(), values);
        // Packed integers with scales have no copy as f32: a failure that can be had without a broken device.
        let packed = tensor.quantize_dynamic(&QuantScheme::default());
        let error = host(&packed).unwrap_err().to_string();
        assert!(error.starts_with("cannot copy a tensor of shape [4, 32] from its device: "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
