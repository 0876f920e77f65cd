//! The mean over positions.

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
        onnx.push(onnx.name.to_owned(), "GlobalAveragePool", vec![onnx.input()], pooled.clone(), vec![]);
        onnx.push(onnx.key("flatten"), "Flatten", vec![pooled], onnx.output.clone(), vec![int("axis", 1)]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[
    ("GlobalAveragePool", |operator| {
        operator.ones = 2;
        Ok(Some(()))
    }),
    ("ReduceMean", reduce_mean),
];

/// The mean over height and width; the axes are an input since opset 18.
fn reduce_mean(operator: &mut Operator) -> Result<Option<()>, String> {
    let given = operator.integers("axes", 1)?.ok_or("needs axes")?;
    // What becomes of no axes at all; there are some.
    operator.attributes.flag("noop_with_empty_axes", false)?;
    let keeps = operator.attributes.flag("keepdims", true)?;
    let rank = operator.dims()?.len() + 1;
    let mut axes = given.iter().map(|at| axis(*at, rank)).collect::<Result<Vec<usize>, _>>()?;
    axes.sort_unstable();
    if rank != 4 || axes != [2, 3] {
        return Err(format!("axes = {given:?}: only the mean over height and width is a layer"));
    }
    operator.ones = if keeps { 2 } else { 0 };
    Ok(Some(()))
}
