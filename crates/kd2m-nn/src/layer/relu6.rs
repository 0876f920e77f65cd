//! The rectified linear unit that stops at 6 (MobileNets).

use std::fmt;

use super::{
    kind::{Kind, Operators, one},
    relu::limits,
};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

/// min(max(x, 0), 6).
pub(super) struct Relu6;

impl Kind for Relu6 {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReLU6")
    }

    fn write(&self, onnx: &mut Writer) {
        let (low, high) = (onnx.floats("min", &[], &[0.0]), onnx.floats("max", &[], &[6.0]));
        onnx.last("Clip", vec![onnx.input(), low, high], vec![]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[("Clip", read)];

/// Limits 0 and 6.
fn read(operator: &mut Operator) -> Result<Option<()>, String> {
    operator.reads_each_alone();
    Ok((limits(operator)? == (Some(0.0), Some(6.0))).then_some(()))
}
