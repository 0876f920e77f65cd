//! Maps as vectors.

use std::fmt;

use super::kind::{Kind, Operator, one};
use crate::{
    onnx::{
        attributes::Attributes,
        export::{Writer, int},
        import::{Import, axis},
        proto::NodeProto,
    },
    shape::Shape,
};

/// Maps `[n, c, h, w]` become vectors `[n, c·h·w]`, channels outermost.
pub(super) struct Flatten;

impl Kind for Flatten {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(Shape::Vector(one(inputs)?.len()))
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flatten")
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("Flatten", vec![onnx.input()], vec![int("axis", 1)]);
    }
}

pub(super) const OPERATORS: &[Operator] = &[("Flatten", read)];

fn read(import: &mut Import, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
    let flow = import.flow(node, 0)?;
    let given = attributes.int("axis")?.unwrap_or(1);
    match axis(given, import.dims(flow).len() + 1)? {
        1 => import.vector(node, flow)?,
        _ => return Err(format!("axis = {given} is not a layer, only 1 is")),
    }
    Ok(true)
}
