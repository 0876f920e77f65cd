//! Maps side by side.

use std::fmt;

use super::kind::{Kind, Operators, map};
use crate::{
    onnx::{
        operator::Operator,
        values::axis,
        writer::{Writer, int},
    },
    shape::Shape,
};

/// Channels of all inputs one after another.
pub(super) struct Concat;

impl Kind for Concat {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let mut total = 0;
        let (_, height, width) = map(inputs)?;
        for shape in inputs {
            match *shape {
                Shape::Map { channels, height: h, width: w } if (h, w) == (height, width) => total += channels,
                other => return Err(format!("cannot join {other} to maps of {height}×{width}")),
            }
        }
        Ok(Shape::Map { channels: total, height, width })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "concatenate")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("Concat", onnx.inputs.clone(), vec![int("axis", 1)]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[("Concat", read)];

fn read(operator: &mut Operator) -> Result<Option<()>, String> {
    if operator.values.reads_constant(operator.node) {
        return match operator.shape(1) {
            // A token before others.
            Ok(Shape::Tokens { .. }) => Ok(None),
            _ => Err("joins a constant, which is a layer for one token before others only".to_owned()),
        };
    }
    let along = operator.attributes.int("axis")?.ok_or("needs axis")?;
    if axis(along, operator.dims()?.len() + 1)? != 1 {
        return Err(format!("axis = {along} is not a layer, only 1 is"));
    }
    Ok(Some(()))
}
