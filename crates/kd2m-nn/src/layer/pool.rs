//! What maxima and means over windows have in common.

use serde::{Deserialize, Serialize};

use super::{kind::map, window};
use crate::{
    onnx::{
        operator::Operator,
        proto::Attribute,
        window::Window,
        writer::{ints, pads},
    },
    shape::Shape,
};

/// A pooling window; padding counts as −∞ for maxima and, as PyTorch does by default, as zeros for averages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Height, width.
    pub kernel: [usize; 2],
    /// Height, width.
    pub stride: [usize; 2],
    /// On both sides.
    pub padding: [usize; 2],
}

impl Pool {
    pub(super) fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (channels, height, width) = map(inputs)?;
        let along =
            |axis: usize, length| window::length(length, self.kernel[axis], self.stride[axis], self.padding[axis], 1);
        Ok(Shape::Map { channels, height: along(0, height)?, width: along(1, width)? })
    }

    pub(super) fn attributes(&self) -> Vec<Attribute> {
        vec![ints("kernel_shape", &self.kernel), ints("strides", &self.stride), pads(self.padding)]
    }

    /// The window that an operator's attributes say.
    pub(super) fn read(operator: &mut Operator) -> Result<Self, String> {
        let map = operator.map()?;
        let window = Window::take(&mut operator.attributes, None, map, true)?;
        if window.dilation != [1; 2] {
            return Err(format!("dilations = {:?} of a pool is not a layer, only 1 is", window.dilation));
        }
        Ok(Self { kernel: window.kernel, stride: window.stride, padding: window.padding })
    }
}
