//! The Gaussian error linear unit (Hendrycks & Gimpel 2016).

use std::{f32::consts, fmt};

use super::kind::{Kind, Operators, one};
use crate::{
    onnx::{operator::Operator, proto::NodeProto, writer::Writer},
    shape::Shape,
};

/// x Φ(x) = x (1 + erf(x / √2)) / 2, PyTorch's default form.
pub(super) struct Gelu;

impl Kind for Gelu {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GELU")
    }

    /// As PyTorch exports it: ONNX has an operator of its own only since opset 20.
    fn write(&self, onnx: &mut Writer) {
        let x = onnx.input();
        let numbers = [("root", consts::SQRT_2), ("one", 1.0), ("half", 0.5)];
        let [root, one, half] = numbers.map(|(name, value)| onnx.floats(name, &[], &[value]));
        let scaled = onnx.key("scaled");
        onnx.push(onnx.name.to_owned(), "Div", vec![x.clone(), root], scaled.clone(), vec![]);
        let erf = onnx.part("erf", "Erf", vec![scaled], vec![]);
        let shifted = onnx.part("shifted", "Add", vec![erf, one], vec![]);
        let doubled = onnx.part("doubled", "Mul", vec![x, shifted], vec![]);
        onnx.push(onnx.key("halved"), "Mul", vec![doubled, half], onnx.output.clone(), vec![]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[("Gelu", gelu), ("Div", of_erf), ("Mul", of_erf)];

fn gelu(operator: &mut Operator) -> Result<Option<()>, String> {
    match operator.attributes.text("approximate")?.as_deref() {
        None | Some("none") => {
            operator.reads_each_alone();
            Ok(Some(()))
        }
        // Another layer's.
        Some("tanh") => Ok(None),
        Some(other) => Err(format!("approximate = {other} is not a layer, only none and tanh are")),
    }
}

/// x / √2 or x · 1/√2, erf, + 1, then · x and · ½ in either order.
fn of_erf(operator: &mut Operator) -> Result<Option<()>, String> {
    let (values, node) = (operator.values, operator.node);
    let number = |name: &String| match values.constants.get(name)?.floats()? {
        &[value] => Some(value),
        _ => None,
    };
    let wanted = if node.op_type == "Div" { consts::SQRT_2 } else { consts::FRAC_1_SQRT_2 };
    let x = match &node.input[..] {
        [x, by] if number(by).is_some_and(|by| (by / wanted - 1.0).abs() < 1e-4) => x,
        [by, x] if node.op_type == "Mul" && number(by).is_some_and(|by| (by / wanted - 1.0).abs() < 1e-4) => x,
        _ => return Ok(None),
    };
    let Some(erf) = operator.next(node, "Erf") else { return Ok(None) };
    let chain = || {
        let has = |of: &NodeProto, value: f32| of.input.iter().any(|input| number(input) == Some(value));
        let shifted = operator.next(erf, "Add").filter(|next| has(next, 1.0))?;
        let first = operator.next(shifted, "Mul")?;
        let second = operator.next(first, "Mul")?;
        let by_x = |of: &NodeProto| of.input.contains(x);
        let whole = (by_x(first) && has(second, 0.5)) || (has(first, 0.5) && by_x(second));
        whole.then_some([erf, shifted, first, second])
    };
    let taken = chain().ok_or("begins an erf, which is read as GELU only: x · (1 + erf(x / √2)) · 0.5")?;
    operator.takes_in = taken.iter().map(|node| node.output[0].clone()).collect();
    if x == &node.input[0] {
        operator.reads_each_alone();
    }
    Ok(Some(()))
}
