//! The rectified linear unit that stops at 6 (MobileNets).

use std::fmt;

use super::{
    Layer,
    kind::{Kind, Operator, one},
};
use crate::{
    onnx::{attributes::Attributes, export::Writer, import::Import, proto::NodeProto},
    shape::Shape,
};

/// min(max(x, 0), 6).
pub(super) struct Relu6;

impl Kind for Relu6 {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReLU6")
    }

    fn write(&self, onnx: &mut Writer) {
        let (low, high) = (onnx.floats("min", &[], &[0.0]), onnx.floats("max", &[], &[6.0]));
        onnx.last("Clip", vec![onnx.input(), low, high], vec![]);
    }
}

pub(super) const OPERATORS: &[Operator] = &[("Clip", read)];

/// The limits are inputs since opset 11, attributes before.
fn read(import: &mut Import, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
    let mut limit = |index: usize, name: &str| -> Result<Option<f32>, String> {
        let given = attributes.float(name)?;
        let Some(constant) = import.constant(node, index)? else { return Ok(given) };
        match constant.floats() {
            Some(&[value]) => Ok(Some(value)),
            _ => Err(format!("{name} should be one number")),
        }
    };
    // ONNX's default, the largest number of the type, is no limit. A NaN stays, and is refused.
    let open = |limit: &f32| *limit >= f32::MAX;
    let layer = match (limit(1, "min")?, limit(2, "max")?.filter(|limit| !open(limit))) {
        (Some(0.0), Some(6.0)) => Layer::Relu6,
        (Some(0.0), None) => Layer::Relu,
        (min, max) => {
            let shown = |limit: Option<f32>| limit.map_or("none".to_owned(), |limit| limit.to_string());
            return Err(format!(
                "min = {}, max = {}: only limits 0 and 6, or 0 and none, are a layer",
                shown(min),
                shown(max)
            ));
        }
    };
    import.unary(node, layer)
}
