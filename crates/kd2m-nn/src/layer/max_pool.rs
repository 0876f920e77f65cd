//! Maxima over windows.

use std::fmt;

use super::{
    Layer, Pool,
    kind::{Kind, Operator},
    window,
};
use crate::{
    onnx::{attributes::Attributes, export::Writer, import::Import, proto::NodeProto},
    shape::Shape,
};

/// Maxima over windows; padding counts as −∞.
pub(super) struct MaxPool<'a>(pub &'a Pool);

impl Kind for MaxPool<'_> {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.0.shape(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max-pool ")?;
        window::show(f, self.0.kernel, self.0.stride)
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("MaxPool", vec![onnx.input()], self.0.attributes());
    }
}

pub(super) const OPERATORS: &[Operator] = &[("MaxPool", read)];

fn read(import: &mut Import, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
    attributes.only("storage_order", 0, 0)?;
    if node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return Err("the places of maxima are not a layer".to_owned());
    }
    let pool = Pool::read(import, node, attributes)?;
    import.unary(node, Layer::MaxPool(pool))
}
