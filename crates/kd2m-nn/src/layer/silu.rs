//! The sigmoid linear unit, also called swish (Elfwing et al. 2017, Ramachandran et al. 2017).

use std::fmt;

use super::kind::{Kind, Operators, one};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

/// x / (1 + exp(−x)).
pub(super) struct Silu;

impl Kind for Silu {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiLU")
    }

    /// ONNX has no operator for it.
    fn write(&self, onnx: &mut Writer) {
        let (x, gate) = (onnx.input(), onnx.key("gate"));
        onnx.push(onnx.name.to_owned(), "Sigmoid", vec![x.clone()], gate.clone(), vec![]);
        onnx.push(onnx.key("product"), "Mul", vec![x, gate], onnx.output.clone(), vec![]);
    }
}

pub(super) const OPERATORS: &Operators<()> = &[("Sigmoid", read)];

/// The product of a value with its sigmoid.
fn read(operator: &mut Operator) -> Result<Option<()>, String> {
    let node = operator.node;
    let product = operator.next(node, "Mul").filter(|next| node.input.iter().all(|x| next.input.contains(x)));
    // Alone it is an activation of its own.
    let Some(product) = product else { return Ok(None) };
    operator.reads_each_alone();
    operator.takes_in.push(product.output[0].clone());
    Ok(Some(()))
}
