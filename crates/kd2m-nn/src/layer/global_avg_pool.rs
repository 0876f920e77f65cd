//! The mean over places or tokens.

use std::fmt;

use super::kind::{Kind, Operators, map, one};
use crate::{
    onnx::{
        operator::Operator,
        values::{Flow, axis},
        writer::{Writer, int, ints},
    },
    parameter::NodeId,
    shape::Shape,
};

/// Maps `[n, c, h, w]` and tokens `[n, t, c]` become vectors `[n, c]`.
pub(super) struct GlobalAvgPool;

impl Kind for GlobalAvgPool {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match one(inputs)? {
            Shape::Tokens { width, .. } => Ok(Shape::Vector(width)),
            _ => Ok(Shape::Vector(map(inputs)?.0)),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mean over positions")
    }

    /// Of maps ONNX leaves two axes of length one, which a second operator takes off.
    fn write(&self, onnx: &mut Writer) {
        if onnx.input_sizes.len() == 2 {
            return onnx.last("ReduceMean", vec![onnx.input()], vec![ints("axes", &[1]), int("keepdims", 0)]);
        }
        let pooled = onnx.key("pooled");
        onnx.push(onnx.name.to_owned(), "GlobalAveragePool", vec![onnx.input()], pooled.clone(), vec![]);
        onnx.push(onnx.key("flatten"), "Flatten", vec![pooled], onnx.output.clone(), vec![int("axis", 1)]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[
    ("GlobalAveragePool", |operator| {
        operator.map()?;
        operator.gives = POOLED;
        Ok(Some(()))
    }),
    ("ReduceMean", reduce_mean),
];

/// Two axes of length one are left behind the vector.
const POOLED: fn(NodeId) -> Flow = |of| Flow::Pooled { of, ones: 2 };

/// The mean over height and width, or over tokens; the axes are an input since opset 18.
fn reduce_mean(operator: &mut Operator) -> Result<Option<()>, String> {
    let given = operator.integers("axes", 1)?.ok_or("needs axes")?;
    // What becomes of no axes at all; there are some.
    operator.attributes.flag("noop_with_empty_axes", false)?;
    let keeps = operator.attributes.flag("keepdims", true)?;
    let rank = operator.dims()?.len() + 1;
    let mut axes = given.iter().map(|at| axis(*at, rank)).collect::<Result<Vec<usize>, _>>()?;
    axes.sort_unstable();
    match (operator.shape(0)?, &axes[..], keeps) {
        (Shape::Map { .. }, [2, 3], true) => operator.gives = POOLED,
        (Shape::Map { .. }, [2, 3], false) | (Shape::Tokens { .. }, [1], false) => {}
        (Shape::Tokens { .. }, ..) => {
            let keeps = u8::from(keeps);
            return Err(format!(
                "axes = {given:?}, keepdims = {keeps}: of tokens only axes = [1], keepdims = 0 is a layer"
            ));
        }
        _ => return Err(format!("axes = {given:?}: only the mean over height and width is a layer")),
    }
    Ok(Some(()))
}
