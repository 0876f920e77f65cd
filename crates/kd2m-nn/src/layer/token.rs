//! One of the tokens as a vector.

use std::fmt;

use super::kind::{Kind, Operators, tokens};
use crate::{
    onnx::{
        operator::Operator,
        values::axis,
        writer::{Writer, int},
    },
    shape::Shape,
};

/// The token of this number: tokens `[n, t, d]` become vectors `[n, d]`.
pub(super) struct Token {
    pub at: usize,
}

impl Kind for Token {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match tokens(inputs)? {
            (count, width) if self.at < count => Ok(Shape::Vector(width)),
            (count, _) => Err(format!("token {} of {count}", self.at)),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {}", self.at)
    }

    fn write(&self, onnx: &mut Writer) {
        let at = onnx.number("at", self.at as i64);
        onnx.last("Gather", vec![onnx.input(), at], vec![int("axis", 1)]);
    }
}

pub(super) const OPERATORS: &Operators<usize> = &[("Gather", read)];

fn read(operator: &mut Operator) -> Result<Option<usize>, String> {
    let Ok(Shape::Tokens { tokens, .. }) = operator.shape(0) else { return Ok(None) };
    let along = operator.attributes.int("axis")?.unwrap_or(0);
    let index = operator.values.constant(operator.node, 1)?.ok_or("needs an index")?;
    match (index.integers(), &index.shape[..]) {
        (Some(&[at]), []) if axis(along, 3)? == 1 => Ok(Some(axis(at, tokens)?)),
        _ => Err(format!("axis = {along} of tokens: only one of them is a layer")),
    }
}
