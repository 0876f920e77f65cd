//! The logistic function.

use std::fmt;

use super::kind::{Kind, Operators, one};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

/// 1 / (1 + exp(−x)).
pub(super) struct Sigmoid;

impl Kind for Sigmoid {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sigmoid")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("Sigmoid", vec![onnx.input()], vec![]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[("Sigmoid", read)];

fn read(operator: &mut Operator) -> Result<Option<()>, String> {
    operator.reads_each_alone();
    Ok(Some(()))
}
