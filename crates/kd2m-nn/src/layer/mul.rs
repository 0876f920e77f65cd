//! Products of two branches: gates, as those of squeeze-and-excitation (Hu et al. 2018).

use std::fmt;

use super::kind::{Kind, Operators};
use crate::{
    onnx::{operator::Operator, values::Flow, writer::Writer},
    parameter::NodeId,
    shape::Shape,
};

/// The product of two inputs of equal shape, or of a map and a factor for each of its channels (a vector, or a map of one place).
pub(super) struct Mul;

/// Whether the second is a factor for each channel of the first.
fn is_gate(x: Shape, factors: Shape) -> bool {
    let one_place = |shape| matches!(shape, Shape::Vector(_) | Shape::Map { height: 1, width: 1, .. });
    matches!(x, Shape::Map { .. }) && one_place(factors) && x.channels() == factors.channels()
}

impl Kind for Mul {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match inputs {
            [x, y] if x == y || is_gate(*x, *y) => Ok(*x),
            _ => Err("multiplies two inputs of equal shape, or a map by a factor for each channel".to_owned()),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "multiply")
    }

    fn write(&self, onnx: &mut Writer) {
        let mut inputs = onnx.inputs.clone();
        if onnx.input_sizes.len() == 3
            && onnx.second_sizes.len() == 1
            && let Some(factors) = inputs.pop()
        {
            let shape = onnx.integers("shape", &[0, -1, 1, 1]);
            inputs.push(onnx.part("factors", "Reshape", vec![factors, shape], vec![]));
        }
        onnx.last("Mul", inputs, vec![]);
    }
}

/// With a constant it is no product of branches.
pub(super) const OPERATORS: &Operators<()> = &[("Mul", read)];

fn read(operator: &mut Operator) -> Result<Option<()>, String> {
    if operator.values.reads_constant(operator.node) {
        return Ok(None);
    }
    let side = |index: usize| -> Result<(NodeId, usize), String> {
        match operator.values.flow(operator.node, index)? {
            Flow::Pooled { of, ones } => Ok((of, ones)),
            _ => Ok((operator.values.input(operator.node, index)?, 0)),
        }
    };
    let ((a, left), (b, right)) = (side(0)?, side(1)?);
    let shape = |id: NodeId| operator.values.shapes[id.0];
    let (nodes, ones) = match (left, right) {
        (0, 0) if is_gate(shape(b), shape(a)) && shape(a) != shape(b) => (vec![b, a], 0),
        (0, 2) | (0, 0) => (vec![a, b], 0),
        (2, 0) => (vec![b, a], 0),
        _ if left == right => (vec![a, b], left),
        _ => return Err("of a map and a vector, whose axes ONNX lays side by side from the last".to_owned()),
    };
    (operator.reads, operator.ones) = (Some(nodes), ones);
    Ok(Some(()))
}
