//! Layer scale (Touvron et al. 2021): a learned factor for each channel.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    init::{Fan, Init},
    kind::{Kind, Operators, Tensor, one},
};
use crate::{
    onnx::writer::Writer,
    parameter::{OWN, Role},
    shape::Shape,
};

/// γ x for each channel of a map, or each place of a vector or token. The factors have the layer's own name, as timm and torchvision name them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// How many factors.
    pub channels: usize,
    /// Whether the tensor is `[channels, 1, 1]`, as torchvision's, or `[channels]`.
    pub spread: bool,
    /// What they begin at.
    pub initial: f32,
}

impl Kind for Scale {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one(inputs)?;
        match shape.channels() == self.channels {
            true => Ok(shape),
            false => Err(format!("{} channels, got {shape}", self.channels)),
        }
    }

    fn tensors(&self) -> Vec<Tensor> {
        let shape = if self.spread { vec![self.channels, 1, 1] } else { vec![self.channels] };
        vec![(OWN, shape, Role::Scale)]
    }

    fn init(&self) -> (Init, Fan) {
        (Init::Constant(self.initial), Fan { inward: 1, outward: 1 })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scale")
    }

    fn write(&self, onnx: &mut Writer) {
        let channels = self.channels as i64;
        let sizes = if onnx.sizes.len() == 3 { vec![channels, 1, 1] } else { vec![channels] };
        let shape = onnx.integers("shape", &sizes);
        let factors = onnx.part("factors", "Reshape", vec![onnx.tensor(OWN), shape], vec![]);
        onnx.last("Mul", vec![onnx.input(), factors], vec![]);
    }
}

/// None of its own: read, it is a convolution of one place within each channel (`onnx/affine.rs`).
pub(super) const OPERATORS: &Operators<Scale> = &[];
