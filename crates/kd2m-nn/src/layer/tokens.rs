//! Places of maps as tokens (Dosovitskiy et al. 2021).

use std::fmt;

use super::kind::{Kind, Operators, map};
use crate::{
    onnx::writer::{Writer, ints},
    shape::Shape,
};

/// Maps `[n, c, h, w]` become tokens `[n, h·w, c]`, row by row.
pub(super) struct Tokens;

/// None of its own: the importer meets it as a reshape and a transposition (`onnx/reshape.rs`).
pub(super) const OPERATORS: &Operators<()> = &[];

impl Kind for Tokens {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (channels, height, width) = map(inputs)?;
        Ok(Shape::Tokens { tokens: height.saturating_mul(width), width: channels })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "places as tokens")
    }

    fn write(&self, onnx: &mut Writer) {
        let [tokens, width] = onnx.sizes[..] else { return };
        let shape = onnx.integers("shape", &[-1, width, tokens]);
        let places = onnx.part("places", "Reshape", vec![onnx.input(), shape], vec![]);
        onnx.last("Transpose", vec![places], vec![ints("perm", &[0, 2, 1])]);
    }
}
