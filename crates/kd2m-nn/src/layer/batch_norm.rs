//! Batch normalisation (Ioffe & Szegedy 2015).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::{Kind, Operators, Tensor, no_tokens};
use crate::{
    onnx::{
        operator::Operator,
        writer::{Writer, float},
    },
    parameter::Role,
    shape::Shape,
};

/// Batch normalisation over the channels of maps `[n, c, h, w]` or of vectors `[n, c]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Of maps; the length of vectors.
    pub channels: usize,
    /// Added to the variance.
    pub eps: f32,
    /// Weight of the new batch in the running statistics.
    pub momentum: f32,
}

impl BatchNorm {
    /// PyTorch's defaults: eps 1e-5, momentum 0.1.
    pub fn new(channels: usize) -> Self {
        Self { channels, eps: 1e-5, momentum: 0.1 }
    }
}

impl Kind for BatchNorm {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = no_tokens(inputs)?;
        if shape.channels() == self.channels {
            Ok(shape)
        } else {
            Err(format!("{} channels, got {shape}", self.channels))
        }
    }

    fn tensors(&self) -> Vec<Tensor> {
        let tensor = |name, role| (name, vec![self.channels], role);
        vec![
            tensor("weight", Role::Scale),
            tensor("bias", Role::Shift),
            tensor("running_mean", Role::RunningMean),
            tensor("running_var", Role::RunningVariance),
        ]
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch norm")
    }

    fn write(&self, onnx: &mut Writer) {
        // ONNX counts momentum as the weight of the old statistics.
        let attributes = vec![float("epsilon", self.eps), float("momentum", 1.0 - self.momentum)];
        onnx.last("BatchNormalization", onnx.input_and(self.tensors().iter().map(|tensor| tensor.0)), attributes);
    }
}

pub(super) const OPERATORS: &Operators<BatchNorm> = &[("BatchNormalization", read)];

fn read(operator: &mut Operator) -> Result<Option<BatchNorm>, String> {
    operator.attributes.only("training_mode", 0, 0)?;
    operator.attributes.only("spatial", 1, 1)?;
    operator.sole_output("statistics of the batch as outputs are")?;
    let channels = operator.shape(0)?.channels();
    for (index, name) in ["weight", "bias", "running_mean", "running_var"].into_iter().enumerate() {
        operator.keep_vector(name, index + 1, channels)?;
    }
    // Rounded, or 1 − 0.9 would not give back PyTorch's 0.1.
    let momentum = ((1.0 - f64::from(operator.attributes.float("momentum")?.unwrap_or(0.9))) * 1e6).round() / 1e6;
    let eps = operator.attributes.float("epsilon")?.unwrap_or(1e-5);
    Ok(Some(BatchNorm { channels, eps, momentum: momentum as f32 }))
}
