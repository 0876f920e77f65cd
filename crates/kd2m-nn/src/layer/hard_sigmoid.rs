//! The piecewise form of the logistic function (MobileNetV3, Howard et al. 2019).

use std::fmt;

use super::kind::{Kind, Operators, one};
use crate::{
    onnx::{
        operator::Operator,
        writer::{Writer, float},
    },
    shape::Shape,
};

const SLOPE: f32 = 1.0 / 6.0;

/// min(max(x / 6 + 1/2, 0), 1), as PyTorch has it.
pub(super) struct HardSigmoid;

impl Kind for HardSigmoid {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hard sigmoid")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("HardSigmoid", vec![onnx.input()], vec![float("alpha", SLOPE), float("beta", 0.5)]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[("HardSigmoid", read)];

fn read(operator: &mut Operator) -> Result<Option<()>, String> {
    // ONNX's own default of alpha is 0.2.
    let (alpha, beta) =
        (operator.attributes.float("alpha")?.unwrap_or(0.2), operator.attributes.float("beta")?.unwrap_or(0.5));
    if (alpha - SLOPE).abs() > 1e-6 || beta != 0.5 {
        return Err(format!("alpha = {alpha}, beta = {beta}: only 1/6 and 0.5 are a layer"));
    }
    operator.reads_each_alone();
    Ok(Some(()))
}
