//! Sums of two branches.

use std::fmt;

use super::kind::{Kind, Operators};
use crate::{onnx::writer::Writer, shape::Shape};

/// The sum of two inputs of equal shape.
pub(super) struct Add;

impl Kind for Add {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match inputs {
            [x, y] if x == y => Ok(*x),
            _ => Err("adds two inputs of equal shape".to_owned()),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "add")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("Add", onnx.inputs.clone(), vec![]);
    }
}

/// With a constant it is no sum of branches.
pub(super) const OPERATORS: &Operators<()> =
    &[("Add", |operator| Ok((!operator.values.reads_constant(operator.node)).then_some(())))];
