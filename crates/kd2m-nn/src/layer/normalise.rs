//! Images by their mean and standard deviation.

use std::fmt;

use super::kind::{Kind, Operators, no_tokens};
use crate::{onnx::writer::Writer, shape::Shape};

/// (x − mean) / std per channel.
pub(super) struct Normalise<'a> {
    pub mean: &'a [f32],
    pub std: &'a [f32],
}

/// None: a graph begins with one, and the importer makes it of all arithmetic on the images (`onnx/normalisation.rs`).
pub(super) const OPERATORS: &Operators<(Vec<f32>, Vec<f32>)> = &[];

impl Kind for Normalise<'_> {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (shape, Self { mean, std }) = (no_tokens(inputs)?, self);
        if mean.len() != shape.channels() || std.len() != mean.len() || std.iter().any(|s| *s <= 0.0) {
            return Err(format!("needs {} means and positive deviations", shape.channels()));
        }
        Ok(shape)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "normalise")
    }

    fn write(&self, onnx: &mut Writer) {
        let shape = [self.mean.len(), 1, 1];
        let (mean, std) = (onnx.floats("mean", &shape, self.mean), onnx.floats("std", &shape, self.std));
        let centred = onnx.part("centred", "Sub", vec![onnx.input(), mean], vec![]);
        onnx.last("Div", vec![centred, std], vec![]);
    }
}
