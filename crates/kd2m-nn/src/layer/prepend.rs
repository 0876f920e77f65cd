//! A learned token before those of the image, as the class token of vision transformers (Dosovitskiy et al. 2021).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    init::{Fan, Init},
    kind::{Kind, Operators, Tensor, tokens},
};
use crate::{
    onnx::{
        operator::Operator,
        values::axis,
        writer::{Writer, int},
    },
    parameter::{OWN, Role},
    shape::Shape,
};

/// Tokens `[n, t, d]` become `[n, 1 + t, d]`. The token `[1, 1, d]` has the layer's own name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepend {
    /// Its length.
    pub width: usize,
    /// How it is drawn.
    pub init: Init,
}

impl Kind for Prepend {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (count, width) = tokens(inputs)?;
        match width == self.width {
            true => Ok(Shape::Tokens { tokens: count.saturating_add(1), width }),
            false => Err(format!("tokens of {}, got {width}", self.width)),
        }
    }

    fn tensors(&self) -> Vec<Tensor> {
        vec![(OWN, vec![1, 1, self.width], Role::Embedding)]
    }

    fn init(&self) -> (Init, Fan) {
        (self.init, Fan { inward: self.width, outward: self.width })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a token before them")
    }

    /// ONNX repeats it for each image, whose number only a run tells.
    fn write(&self, onnx: &mut Writer) {
        let images = onnx.part("images", "Shape", vec![onnx.input()], vec![int("start", 0), int("end", 1)]);
        let one = onnx.integers("one", &[1, self.width as i64]);
        let sizes = onnx.part("sizes", "Concat", vec![images, one], vec![int("axis", 0)]);
        let token = onnx.part("tokens", "Expand", vec![onnx.tensor(OWN), sizes], vec![]);
        onnx.last("Concat", vec![token, onnx.input()], vec![int("axis", 1)]);
    }
}

pub(super) const OPERATORS: &Operators<Prepend> = &[("Concat", read)];

/// A constant `[1, 1, d]` before tokens; where it is repeated for each image, `onnx/operators.rs` has passed it on.
fn read(operator: &mut Operator) -> Result<Option<Prepend>, String> {
    let (values, node) = (operator.values, operator.node);
    let is_constant = node.input.first().is_some_and(|name| values.constants.contains_key(name));
    let (true, 2, Ok(Shape::Tokens { width, .. })) = (is_constant, node.input.len(), operator.shape(1)) else {
        return Ok(None);
    };
    let along = operator.attributes.int("axis")?.ok_or("needs axis")?;
    let (shape, token) = operator.floats(0, "token")?;
    if axis(along, 3)? != 1 || shape != [1, 1, width] {
        return Err(format!("axis = {along} of a constant {shape:?} and tokens: one token before them is a layer"));
    }
    operator.keep(OWN, shape, token);
    Ok(Some(Prepend { width, init: Init::Normal(1e-6) }))
}
