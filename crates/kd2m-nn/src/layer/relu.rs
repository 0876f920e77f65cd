//! The rectified linear unit.

use std::fmt;

use super::{
    Layer,
    kind::{Kind, Operator, one},
};
use crate::{onnx::export::Writer, shape::Shape};

/// max(x, 0).
pub(super) struct Relu;

impl Kind for Relu {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReLU")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("Relu", vec![onnx.input()], vec![]);
    }
}

pub(super) const OPERATORS: &[Operator] = &[("Relu", |import, node, _| import.unary(node, Layer::Relu))];
