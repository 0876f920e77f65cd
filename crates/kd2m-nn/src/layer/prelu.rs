//! Rectifiers with a slope below zero: learned (He et al. 2015), or given (leaky ReLU, Maas et al. 2013).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    init::{Fan, Init},
    kind::{Kind, Operators, Tensor, one},
};
use crate::{
    onnx::{
        operator::Operator,
        writer::{Writer, float},
    },
    parameter::Role,
    shape::Shape,
};

/// x where it is above 0, else slope · x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Prelu {
    /// One slope for all (PyTorch's `LeakyReLU`).
    Given(f32),
    /// So many that are trained, one for all or one for each channel (PyTorch's `PReLU`).
    Learned(usize),
}

impl Kind for Prelu {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one(inputs)?;
        match *self {
            Self::Learned(slopes) if slopes != 1 && slopes != shape.channels() => {
                Err(format!("{slopes} slopes, got {shape}"))
            }
            _ => Ok(shape),
        }
    }

    fn tensors(&self) -> Vec<Tensor> {
        match *self {
            Self::Given(_) => Vec::new(),
            // Weight decay spares it: a slope of 0 is no simpler than another.
            Self::Learned(slopes) => vec![("weight", vec![slopes], Role::Scale)],
        }
    }

    fn init(&self) -> (Init, Fan) {
        (Init::Constant(0.25), Fan { inward: 1, outward: 1 })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(slope) => write!(f, "leaky ReLU {slope}"),
            Self::Learned(_) => write!(f, "PReLU"),
        }
    }

    fn write(&self, onnx: &mut Writer) {
        match *self {
            Self::Given(slope) => onnx.last("LeakyRelu", vec![onnx.input()], vec![float("alpha", slope)]),
            Self::Learned(slopes) => {
                // ONNX broadcasts over the last axes: channels come before places.
                let places = if onnx.sizes.len() == 3 { vec![1, 1] } else { Vec::new() };
                let sizes: Vec<i64> = [slopes as i64].into_iter().chain(places).collect();
                let shape = onnx.integers("shape", &sizes);
                let slope = onnx.part("slope", "Reshape", vec![onnx.tensor("weight"), shape], vec![]);
                onnx.last("PRelu", vec![onnx.input(), slope], vec![]);
            }
        }
    }
}

pub(super) const OPERATORS: &Operators<Prelu> = &[("LeakyRelu", leaky), ("PRelu", learned)];

fn leaky(operator: &mut Operator) -> Result<Option<Prelu>, String> {
    let slope = operator.attributes.float("alpha")?.unwrap_or(0.01);
    operator.reads_each_alone();
    Ok(Some(Prelu::Given(slope)))
}

fn learned(operator: &mut Operator) -> Result<Option<Prelu>, String> {
    let input = operator.shape(0)?;
    let (shape, values) = operator.floats(1, "slope")?;
    let one_each = match input {
        Shape::Map { channels, .. } => vec![channels, 1, 1],
        other => vec![other.channels()],
    };
    let bare: Vec<usize> = shape.iter().copied().skip_while(|size| *size == 1).collect();
    let wanted: Vec<usize> = one_each.iter().copied().skip_while(|size| *size == 1).collect();
    if values.len() != 1 && bare != wanted {
        return Err(format!("its slopes {shape:?} are not one for all, or one for each channel {one_each:?}"));
    }
    let slopes = values.len();
    operator.keep("weight", vec![slopes], values);
    Ok(Some(Prelu::Learned(slopes)))
}
