//! The rectified linear unit.

use std::fmt;

use super::kind::{Kind, Operators, one};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

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

pub(super) const OPERATORS: &Operators<()> = &[
    ("Relu", |operator| {
        operator.reads_each_alone();
        Ok(Some(()))
    }),
    ("Clip", clip),
];

/// A lower limit of 0 and no upper one.
fn clip(operator: &mut Operator) -> Result<Option<()>, String> {
    operator.reads_each_alone();
    Ok((limits(operator)? == (Some(0.0), None)).then_some(()))
}

/// Lower and upper limit of a `Clip`: inputs since opset 11, attributes before.
pub(super) fn limits(operator: &mut Operator) -> Result<(Option<f32>, Option<f32>), String> {
    let mut limit = |index: usize, name: &str| -> Result<Option<f32>, String> {
        let given = operator.attributes.float(name)?;
        let Some(constant) = operator.values.constant(operator.node, index)? else { return Ok(given) };
        match constant.floats() {
            Some(&[value]) => Ok(Some(value)),
            _ => Err(format!("{name} should be one number")),
        }
    };
    let (min, max) = (limit(1, "min")?, limit(2, "max")?);
    // ONNX's default, the largest number of the type, is no limit. A NaN stays, and is refused.
    let open = |limit: &f32| *limit >= f32::MAX;
    Ok((min, max.filter(|limit| !open(limit))))
}
