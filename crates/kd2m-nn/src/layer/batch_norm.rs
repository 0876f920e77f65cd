//! Batch normalisation (Ioffe & Szegedy 2015).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Layer,
    kind::{Kind, Operator, Tensor, one},
};
use crate::{
    onnx::{
        attributes::Attributes,
        export::{Writer, float},
        import::Import,
        proto::NodeProto,
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
        let shape = one(inputs)?;
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
        onnx.last("BatchNormalization", onnx.input_and(self.tensors()), attributes);
    }
}

pub(super) const OPERATORS: &[Operator] = &[("BatchNormalization", read)];

fn read(import: &mut Import, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
    attributes.only("training_mode", 0, 0)?;
    attributes.only("spatial", 1, 1)?;
    if node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return Err("statistics of the batch as outputs are not a layer".to_owned());
    }
    let x = import.input(node, 0)?;
    let channels = import.builder.shape(x).channels();
    let name = import.name(node);
    for (index, suffix) in ["weight", "bias", "running_mean", "running_var"].into_iter().enumerate() {
        import.vector_weight(node, index + 1, &name, suffix, channels)?;
    }
    // Rounded, or 1 − 0.9 would not give back PyTorch's 0.1.
    let momentum = ((1.0 - f64::from(attributes.float("momentum")?.unwrap_or(0.9))) * 1e6).round() / 1e6;
    let eps = attributes.float("epsilon")?.unwrap_or(1e-5);
    let norm = BatchNorm { channels, eps, momentum: momentum as f32 };
    import.add(node, &name, Layer::BatchNorm(norm), &[x]);
    Ok(true)
}
