//! Layer normalisation (Ba, Kiros & Hinton 2016).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::{Kind, Operators, Tensor, one};
use crate::{
    onnx::{
        operator::Operator,
        values::{Flow, axis},
        writer::{Writer, float, integer, ints},
    },
    parameter::Role,
    shape::Shape,
};

/// γ (x − mean) / √(variance + eps) + β over each vector, each token, or the channels at each place of a map (as in ConvNeXt);
/// the variance is the biased one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerNorm {
    /// Length of vectors, width of tokens, channels of maps.
    pub width: usize,
    /// Added to the variance.
    pub eps: f32,
}

impl LayerNorm {
    /// PyTorch's default: eps 1e-5.
    pub fn new(width: usize) -> Self {
        Self { width, eps: 1e-5 }
    }
}

impl Kind for LayerNorm {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one(inputs)?;
        if shape.channels() == self.width { Ok(shape) } else { Err(format!("a width of {}, got {shape}", self.width)) }
    }

    fn tensors(&self) -> Vec<Tensor> {
        vec![("weight", vec![self.width], Role::Scale), ("bias", vec![self.width], Role::Shift)]
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer norm")
    }

    /// ONNX normalises over last axes: a map's channels are brought there and back.
    fn write(&self, onnx: &mut Writer) {
        let attributes = vec![integer("axis", -1), float("epsilon", self.eps)];
        let mut inputs = onnx.input_and(["weight", "bias"]);
        if onnx.sizes.len() < 3 {
            return onnx.last("LayerNormalization", inputs, attributes);
        }
        inputs[0] = onnx.part("last", "Transpose", vec![onnx.input()], vec![ints("perm", &[0, 2, 3, 1])]);
        let normalised = onnx.part("normalised", "LayerNormalization", inputs, attributes);
        onnx.last("Transpose", vec![normalised], vec![ints("perm", &[0, 3, 1, 2])]);
    }
}

pub(super) const OPERATORS: &Operators<LayerNorm> = &[("LayerNormalization", read)];

fn read(operator: &mut Operator) -> Result<Option<LayerNorm>, String> {
    operator.sole_output("mean and deviation as outputs are")?;
    operator.attributes.only("stash_type", 1, 1)?;
    let flow = operator.values.flow(operator.node, 0)?;
    if let Flow::ChannelsLast(of) = flow {
        operator.reads = Some(vec![of]);
        operator.gives = Flow::ChannelsLast;
    } else {
        // Names whatever else no layer can read.
        operator.shape(0)?;
    }
    let dims = operator.values.dims(flow);
    let (given, width) = (operator.attributes.int("axis")?.unwrap_or(-1), dims.last().copied().unwrap_or(1));
    if axis(given, dims.len() + 1)? != dims.len() || matches!((flow, dims.len()), (Flow::Node(_), 3)) {
        return Err(format!("axis = {given} of {dims:?}: a layer norm is over the width of tokens or over channels"));
    }
    operator.keep_vector("weight", 1, width)?;
    match operator.optional_floats(2, "bias")? {
        Some(_) => operator.keep_vector("bias", 2, width)?,
        None => operator.keep("bias", vec![width], vec![0.0; width]),
    }
    Ok(Some(LayerNorm { width, eps: operator.attributes.float("epsilon")?.unwrap_or(1e-5) }))
}
