//! Learned positions (Dosovitskiy et al. 2021).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    init::{Fan, Init},
    kind::{Kind, Operators, Tensor, tokens},
};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    parameter::{OWN, Role},
    shape::Shape,
};

/// A learned vector for each token is added to it. The tensor `[1, t, d]` has the layer's own name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// How many tokens.
    pub tokens: usize,
    /// Length of each.
    pub width: usize,
    /// How the vectors are drawn.
    pub init: Init,
}

impl Kind for Position {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match tokens(inputs)? {
            (tokens, width) if (tokens, width) == (self.tokens, self.width) => Ok(Shape::Tokens { tokens, width }),
            (tokens, width) => {
                Err(format!("positions of {} tokens of {}, got {tokens} of {width}", self.tokens, self.width))
            }
        }
    }

    fn tensors(&self) -> Vec<Tensor> {
        vec![(OWN, vec![1, self.tokens, self.width], Role::Embedding)]
    }

    fn init(&self) -> (Init, Fan) {
        (self.init, Fan { inward: self.width, outward: self.width })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "positions")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("Add", vec![onnx.input(), onnx.tensor(OWN)], vec![]);
    }
}

pub(super) const OPERATORS: &Operators<Position> = &[("Add", read)];

/// A constant vector for each token.
fn read(operator: &mut Operator) -> Result<Option<Position>, String> {
    let is_constant = |name: &String| operator.values.constants.contains_key(name);
    let Some(at) = operator.node.input.iter().position(is_constant).filter(|at| *at < 2) else { return Ok(None) };
    let Ok(Shape::Tokens { tokens, width }) = operator.shape(1 - at) else { return Ok(None) };
    let (shape, values) = operator.floats(at, "positions")?;
    if shape != [1, tokens, width] && shape != [tokens, width] {
        return Ok(None);
    }
    operator.keep(OWN, vec![1, tokens, width], values);
    Ok(Some(Position { tokens, width, init: Init::Normal(0.02) }))
}
