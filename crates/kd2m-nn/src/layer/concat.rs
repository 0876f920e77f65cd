//! Maps side by side.

use std::fmt;

use super::{
    Layer,
    kind::{Kind, Operator, map},
};
use crate::{
    onnx::{
        attributes::Attributes,
        export::{Writer, int},
        import::{Flow, Import, axis},
        proto::NodeProto,
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
        onnx.last("Concat", onnx.inputs(), vec![int("axis", 1)]);
    }
}

pub(super) const OPERATORS: &[Operator] = &[("Concat", read)];

fn read(import: &mut Import, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
    let inputs = (0..node.input.len()).map(|i| import.input(node, i)).collect::<Result<Vec<_>, _>>()?;
    let along = attributes.int("axis")?.ok_or("needs axis")?;
    let axes = inputs.first().map_or(0, |id| import.dims(Flow::Node(*id)).len() + 1);
    if axis(along, axes)? != 1 {
        return Err(format!("axis = {along} is not a layer, only 1 is"));
    }
    let name = import.name(node);
    import.add(node, &name, Layer::Concat, &inputs);
    Ok(true)
}
