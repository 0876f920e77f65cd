//! Learned positions (Dosovitskiy et al. 2021).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    init::{Fan, Init},
    kind::{Kind, Operators, Tensor, tokens},
};
use crate::{
    onnx::writer::Writer,
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

/// Not read.
pub(super) const OPERATORS: &Operators<Position> = &[];
