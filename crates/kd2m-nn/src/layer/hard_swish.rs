//! The piecewise form of SiLU (MobileNetV3, Howard et al. 2019).

use std::fmt;

use super::kind::{Kind, Operators, one};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

/// x min(max(x / 6 + 1/2, 0), 1).
pub(super) struct HardSwish;

impl Kind for HardSwish {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hard swish")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("HardSwish", vec![onnx.input()], vec![]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[("HardSwish", read)];

fn read(operator: &mut Operator) -> Result<Option<()>, String> {
    operator.reads_each_alone();
    Ok(Some(()))
}
