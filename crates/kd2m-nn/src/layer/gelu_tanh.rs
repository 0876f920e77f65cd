//! The Gaussian error linear unit by a hyperbolic tangent (Hendrycks & Gimpel 2016), as GPT and many ports of it have it.

use std::{f32::consts, fmt};

use super::kind::{Kind, Operators, one};
use crate::{
    onnx::{operator::Operator, proto::NodeProto, writer::Writer},
    shape::Shape,
};

/// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, PyTorch's `approximate="tanh"`.
pub(super) struct GeluTanh;

/// √(2/π).
const FACTOR: f32 = consts::FRAC_2_SQRT_PI * consts::FRAC_1_SQRT_2;
const CUBE: f32 = 0.044_715;

impl Kind for GeluTanh {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GELU by tanh")
    }

    /// As PyTorch exports it: ONNX has an operator of its own only since opset 20.
    fn write(&self, onnx: &mut Writer) {
        let x = onnx.input();
        let numbers = [("kappa", CUBE), ("beta", FACTOR), ("one", 1.0), ("half", 0.5)];
        let [kappa, beta, one, half] = numbers.map(|(name, value)| onnx.floats(name, &[], &[value]));
        let square = onnx.key("square");
        onnx.push(onnx.name.to_owned(), "Mul", vec![x.clone(), x.clone()], square.clone(), vec![]);
        let cube = onnx.part("cube", "Mul", vec![x.clone(), square], vec![]);
        let small = onnx.part("small", "Mul", vec![kappa, cube], vec![]);
        let sum = onnx.part("sum", "Add", vec![x.clone(), small], vec![]);
        let scaled = onnx.part("scaled", "Mul", vec![beta, sum], vec![]);
        let tanh = onnx.part("tanh", "Tanh", vec![scaled], vec![]);
        let shifted = onnx.part("shifted", "Add", vec![one, tanh], vec![]);
        let doubled = onnx.part("doubled", "Mul", vec![x, shifted], vec![]);
        onnx.push(onnx.key("halved"), "Mul", vec![half, doubled], onnx.output.clone(), vec![]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[("Gelu", gelu), ("Mul", of_tanh)];

fn gelu(operator: &mut Operator) -> Result<Option<()>, String> {
    if operator.attributes.text("approximate")?.as_deref() != Some("tanh") {
        return Ok(None);
    }
    operator.reads_each_alone();
    Ok(Some(()))
}

/// x · x, and the eight operators behind it; what begins otherwise is a product.
fn of_tanh(operator: &mut Operator) -> Result<Option<()>, String> {
    let (values, node) = (operator.values, operator.node);
    let [x, again] = &node.input[..] else { return Ok(None) };
    if x != again {
        return Ok(None);
    }
    let has = |of: &NodeProto, wanted: f32| {
        let number = |name: &String| match values.constants.get(name)?.floats()? {
            &[value] => Some(value),
            _ => None,
        };
        of.input.iter().filter_map(number).any(|value| (value / wanted - 1.0).abs() < 1e-4)
    };
    let by_x = |of: &NodeProto| of.input.contains(x);
    let chain = || {
        let cube = operator.next(node, "Mul").filter(|next| by_x(next))?;
        let small = operator.next(cube, "Mul").filter(|next| has(next, CUBE))?;
        let sum = operator.next(small, "Add").filter(|next| by_x(next))?;
        let scaled = operator.next(sum, "Mul").filter(|next| has(next, FACTOR))?;
        let tanh = operator.next(scaled, "Tanh")?;
        let shifted = operator.next(tanh, "Add").filter(|next| has(next, 1.0))?;
        let first = operator.next(shifted, "Mul")?;
        let second = operator.next(first, "Mul")?;
        let whole = (by_x(first) && has(second, 0.5)) || (has(first, 0.5) && by_x(second));
        whole.then_some([cube, small, sum, scaled, tanh, shifted, first, second])
    };
    let Some(taken) = chain() else { return Ok(None) };
    operator.takes_in = taken.iter().map(|node| node.output[0].clone()).collect();
    operator.reads_each_alone();
    if operator.reads.is_none() {
        // Once, though the first operator reads it twice.
        operator.reads = Some(vec![values.input(node, 0)?]);
    }
    Ok(Some(()))
}
