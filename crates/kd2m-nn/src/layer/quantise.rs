//! Values on the grid of eight bits, as integer arithmetic between two layers sees them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::{Kind, Operators, one};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

/// y = (q − zero) · step with q = x / step, rounded half to even, + zero, held within −128…127.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantise {
    /// From one value to the next; above 0.
    pub step: f32,
    /// The whole number that stands for 0.
    pub zero: i8,
}

impl Quantise {
    /// The grid that covers these values, and 0.
    pub fn covering(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let step = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
        let zero = (-128.0 - low / step).round_ties_even().clamp(-128.0, 127.0);
        Self { step, zero: zero as i8 }
    }

    /// The nearest value of the grid.
    #[inline(always)]
    pub fn value(self, x: f32) -> f32 {
        let zero = f32::from(self.zero);
        let whole = (x / self.step).round_ties_even() + zero;
        let whole = if whole < -128.0 { -128.0 } else { whole };
        let whole = if whole > 127.0 { 127.0 } else { whole };
        (whole - zero) * self.step
    }

    /// The least and the largest value of the grid.
    pub fn range(self) -> [f32; 2] {
        [-128.0, 127.0].map(|end: f32| (end - f32::from(self.zero)) * self.step)
    }
}

impl Kind for Quantise {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match self.step > 0.0 && self.step.is_finite() {
            true => one(inputs),
            false => Err(format!("a step of {}", self.step)),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "8 bits")
    }

    fn write(&self, onnx: &mut Writer) {
        let (step, zero) = (onnx.floats("step", &[], &[self.step]), onnx.byte("zero", self.zero));
        let bits = onnx.key("bits");
        let given = vec![onnx.input(), step.clone(), zero.clone()];
        onnx.push(onnx.name.to_owned(), "QuantizeLinear", given, bits.clone(), vec![]);
        onnx.push(onnx.key("value"), "DequantizeLinear", vec![bits, step, zero], onnx.output.clone(), vec![]);
    }
}

pub(super) const OPERATORS: &Operators<Quantise> = &[("QuantizeLinear", read)];

/// To signed bytes and at once back by the same step.
fn read(operator: &mut Operator) -> Result<Option<Quantise>, String> {
    let back = operator.next(operator.node, "DequantizeLinear");
    let back = back.ok_or("is read before a DequantizeLinear that alone reads it, without attributes, only")?;
    let (values, node) = (operator.values, operator.node);
    let zero = match values.constant(node, 2)? {
        Some(constant) => {
            constant.integers().and_then(|v| if let [zero] = v { i8::try_from(*zero).ok() } else { None })
        }
        None => None,
    };
    let zero = zero.ok_or("needs a zero point that is one signed byte")?;
    let (_, step) = operator.floats(1, "scale")?;
    let [step] = step[..] else { return Err("per channel is not a layer, one scale is".to_owned()) };
    if values.constant(back, 1)? != values.constant(node, 1)?
        || values.constant(back, 2)? != values.constant(node, 2)?
    {
        return Err("is dequantised by another scale or zero point".to_owned());
    }
    operator.attributes.only("axis", 1, 1)?;
    operator.reads_each_alone();
    operator.takes_in.push(back.output[0].clone());
    Ok(Some(Quantise { step, zero }))
}
