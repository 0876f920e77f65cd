//! Limits other than those of ReLU and ReLU6, e.g. of a hard tanh.

use std::fmt;

use super::{
    kind::{Kind, Operators, one},
    relu::limits,
};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

/// min(max(x, min), max); a limit of ±`f32::MAX` is none.
pub(super) struct Clip {
    pub min: f32,
    pub max: f32,
}

impl Kind for Clip {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one(inputs)?;
        // Of equal limits nothing is left, and a NaN is none.
        if self.min < self.max { Ok(shape) } else { Err(format!("limits {} and {}", self.min, self.max)) }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clip {}…{}", self.min, self.max)
    }

    fn write(&self, onnx: &mut Writer) {
        let (low, high) = (onnx.floats("min", &[], &[self.min]), onnx.floats("max", &[], &[self.max]));
        onnx.last("Clip", vec![onnx.input(), low, high], vec![]);
    }
}

pub(super) const OPERATORS: &Operators<(f32, f32)> = &[("Clip", read)];

/// Whatever limits; those of ReLU and ReLU6 were taken before.
fn read(operator: &mut Operator) -> Result<Option<(f32, f32)>, String> {
    operator.reads_each_alone();
    let (min, max) = limits(operator)?;
    let (min, max) = (min.unwrap_or(f32::MIN), max.unwrap_or(f32::MAX));
    if min < max { Ok(Some((min, max))) } else { Err(format!("min = {min}, max = {max} leave nothing")) }
}
