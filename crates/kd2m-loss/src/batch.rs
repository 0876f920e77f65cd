//! What one network says about one mini-batch, and what every loss reads.

use std::sync::Arc;

use burn::tensor::Tensor;
use kd2m_nn::step::Mode;
use thiserror::Error;

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
    /// Of a network without maps.
    pub fn new(features: Tensor<2>, logits: Tensor<2>) -> Self {
        Self { features, logits, maps: Vec::new() }
    }

    /// The map of a stage.
    pub fn map(&self, stage: &str) -> Option<&Tensor<4>> {
        self.maps.iter().find(|(name, _)| name.as_ref() == stage).map(|(_, map)| map)
    }

    /// The first `n` samples; gradients reach the whole.
    pub fn first(&self, n: usize) -> Outputs {
        Outputs {
            features: self.features.clone().narrow(0, 0, n),
            logits: self.logits.clone().narrow(0, 0, n),
            maps: self.maps.iter().map(|(name, map)| (name.clone(), map.clone().narrow(0, 0, n))).collect(),
        }
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

/// The value of a `[1]` tensor.
///
/// # Errors
/// A value that cannot be copied from its device.
pub fn scalar(tensor: &Tensor<1>) -> Result<f64, CopyError> {
    Ok(host(tensor)?.first().map_or(f64::NAN, |x| f64::from(*x)))
}

/// The other part of samples that are mixtures of two images: their labels count for `share`, these for the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixed<'a> {
    /// One class a sample.
    pub labels: &'a [u32],
    /// Of the own part, 0 … 1.
    pub share: f64,
}

/// One mini-batch as a criterion sees it.
pub struct Batch<'a> {
    /// A in every divergence. Tracked.
    pub student: &'a Outputs,
    /// B in every divergence. Constants.
    pub teacher: &'a Outputs,
    /// One class a sample; empty where the objective uses no labels.
    pub labels: &'a [u32],
    /// What the samples are besides, where each is a mixture of two images.
    pub mixed: Option<Mixed<'a>>,
    /// One class a sample of the teacher, where these are other images than the student's.
    pub teacher_labels: Option<&'a [u32]>,
    /// Which samples of the data set these are.
    pub indices: &'a [u32],
    /// Optimizer steps taken so far.
    pub step: usize,
    /// Epochs begun so far.
    pub epoch: usize,
    /// The run's seed.
    pub seed: u64,
    /// Evaluation changes no memory.
    pub mode: Mode,
}

impl<'a> Batch<'a> {
    /// Unlabelled samples of a first training step, which stand nowhere in a data set.
    pub fn new(student: &'a Outputs, teacher: &'a Outputs) -> Self {
        Self {
            student,
            teacher,
            labels: &[],
            mixed: None,
            teacher_labels: None,
            indices: &[],
            step: 0,
            epoch: 0,
            seed: 0,
            mode: Mode::Train,
        }
    }

    /// One class a sample.
    pub fn labels(self, labels: &'a [u32]) -> Self {
        Self { labels, ..self }
    }

    /// One class a sample of the teacher: its outputs are of other images, any number of them.
    pub fn teacher_labels(self, labels: &'a [u32]) -> Self {
        Self { teacher_labels: Some(labels), ..self }
    }

    /// The classes of the teacher's samples.
    pub fn labels_of_teacher(&self) -> &'a [u32] {
        self.teacher_labels.unwrap_or(self.labels)
    }

    /// The place of each sample in the data set.
    pub fn indices(self, indices: &'a [u32]) -> Self {
        Self { indices, ..self }
    }

    /// Optimizer steps taken so far.
    pub fn step(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// Whether memories change.
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }
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
