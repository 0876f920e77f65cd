//! Maps as vectors.

use std::fmt;

use super::kind::{Kind, Operators, no_tokens};
use crate::{
    onnx::writer::{Writer, int},
    shape::Shape,
};

/// Maps `[n, c, h, w]` become vectors `[n, c·h·w]`, channels outermost.
pub(super) struct Flatten;

/// None of its own: not every flatten is a layer (`onnx/reshape.rs`).
pub(super) const OPERATORS: &Operators<()> = &[];

impl Kind for Flatten {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(Shape::Vector(no_tokens(inputs)?.len()))
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flatten")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("Flatten", vec![onnx.input()], vec![int("axis", 1)]);
    }
}
