//! Sums of two branches.

use std::fmt;

use super::{
    Layer,
    kind::{Kind, Operator},
};
use crate::{
    onnx::{attributes::Attributes, export::Writer, import::Import, proto::NodeProto},
    shape::Shape,
};

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
        onnx.last("Add", onnx.inputs(), vec![]);
    }
}

pub(super) const OPERATORS: &[Operator] = &[("Add", read)];

fn read(import: &mut Import, node: &NodeProto, _: &mut Attributes) -> Result<bool, String> {
    if import.reads_constant(node) {
        return Ok(false);
    }
    let inputs = [import.input(node, 0)?, import.input(node, 1)?];
    let name = import.name(node);
    import.add(node, &name, Layer::Add, &inputs);
    Ok(true)
}
