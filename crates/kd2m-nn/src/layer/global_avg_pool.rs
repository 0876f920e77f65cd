//! The mean over positions.

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

/// Maps `[n, c, h, w]` become vectors `[n, c]`.
pub(super) struct GlobalAvgPool;

impl Kind for GlobalAvgPool {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(Shape::Vector(map(inputs)?.0))
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mean over positions")
    }

    /// ONNX leaves two axes of length one, which a second operator takes off.
    fn write(&self, onnx: &mut Writer) {
        let pooled = onnx.key("pooled");
        onnx.push(onnx.name(), "GlobalAveragePool", vec![onnx.input()], &pooled, vec![]);
        let (name, output) = (onnx.key("flatten"), onnx.output());
        onnx.push(name, "Flatten", vec![pooled], &output, vec![int("axis", 1)]);
    }
}

pub(super) const OPERATORS: &[Operator] = &[("GlobalAveragePool", read), ("ReduceMean", reduce_mean)];

fn read(import: &mut Import, node: &NodeProto, _: &mut Attributes) -> Result<bool, String> {
    pool(import, node, true)?;
    Ok(true)
}

fn pool(import: &mut Import, node: &NodeProto, keeps_axes: bool) -> Result<(), String> {
    let x = import.input(node, 0)?;
    let name = import.name(node);
    let id = import.add(node, &name, Layer::GlobalAvgPool, &[x]);
    if keeps_axes {
        import.bind(node, Flow::Pooled { of: id, ones: 2 });
    }
    Ok(())
}

/// The mean over height and width; the axes are an input since opset 18.
fn reduce_mean(import: &mut Import, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
    let given = match attributes.ints("axes")? {
        Some(axes) => axes.to_vec(),
        None => import.integers(node, 1, "axes")?,
    };
    // What becomes of no axes at all; there are some.
    attributes.flag("noop_with_empty_axes", false)?;
    let keeps = attributes.flag("keepdims", true)?;
    let rank = import.dims(import.flow(node, 0)?).len() + 1;
    let mut axes = given.iter().map(|at| axis(*at, rank)).collect::<Result<Vec<usize>, _>>()?;
    axes.sort_unstable();
    if rank != 4 || axes != [2, 3] {
        return Err(format!("axes = {given:?}: only the mean over height and width is a layer"));
    }
    pool(import, node, keeps)?;
    Ok(true)
}
