//! Scaled dot-product attention of several heads (Vaswani et al. 2017).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::{Kind, Operators, tokens};
use crate::{
    onnx::{
        attend::{self, Attended},
        operator::Operator,
        writer::{Writer, int, integer, ints},
    },
    shape::Shape,
};

/// softmax(q kᵀ / √(d / heads)) v of each head, over tokens that hold q, k and v side by side, d numbers each: tokens `[n, t, 3 d]` become
/// `[n, t, d]`, the heads side by side. What makes q, k and v, and what mixes the heads, are linear layers of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attention {
    /// Into how many parts the d numbers are cut.
    pub heads: usize,
}

impl Kind for Attention {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (tokens, width) = tokens(inputs)?;
        match self.heads > 0 && width > 0 && width.is_multiple_of(3) && (width / 3).is_multiple_of(self.heads) {
            true => Ok(Shape::Tokens { tokens, width: width / 3 }),
            false => Err(format!("tokens of {width} are not three times {} heads", self.heads)),
        }
    }

    fn multiply_adds(&self, output: Shape) -> u64 {
        match output {
            Shape::Tokens { tokens, .. } => 2 * (tokens * output.len()) as u64,
            _ => 0,
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attention, {} heads", self.heads)
    }

    fn write(&self, onnx: &mut Writer) {
        let [tokens, width] = onnx.sizes[..] else { return };
        let (heads, each) = (self.heads as i64, width / self.heads as i64);
        let shape = onnx.integers("parts_shape", &[0, tokens, 3, heads, each]);
        // The first operator has the layer's name, by which it is called when it is read.
        let parts = onnx.key("parts");
        onnx.push(onnx.name.to_owned(), "Reshape", vec![onnx.input(), shape], parts.clone(), vec![]);
        let apart = onnx.part("apart", "Transpose", vec![parts], vec![ints("perm", &[2, 0, 3, 1, 4])]);
        let [q, k, v] = [("q", 0), ("k", 1), ("v", 2)].map(|(name, at)| {
            let at = onnx.number(&format!("{name}_at"), at);
            onnx.part(name, "Gather", vec![apart.clone(), at], vec![int("axis", 0)])
        });
        let turned = onnx.part("turned", "Transpose", vec![k], vec![ints("perm", &[0, 1, 3, 2])]);
        let products = onnx.part("products", "MatMul", vec![q, turned], vec![]);
        let factor = onnx.floats("factor", &[], &[1.0 / (each as f32).sqrt()]);
        let scores = onnx.part("scores", "Mul", vec![products, factor], vec![]);
        let shares = onnx.part("shares", "Softmax", vec![scores], vec![integer("axis", -1)]);
        let mixed = onnx.part("mixed", "MatMul", vec![shares, v], vec![]);
        let back = onnx.part("back", "Transpose", vec![mixed], vec![ints("perm", &[0, 2, 1, 3])]);
        let shape = onnx.integers("shape", &[0, tokens, width]);
        onnx.push(onnx.key("joined"), "Reshape", vec![back, shape], onnx.output.clone(), vec![]);
    }
}

pub(super) const OPERATORS: &Operators<Attention> = &[("Reshape", read)];

fn read(operator: &mut Operator) -> Result<Option<Attention>, String> {
    let Some(Attended { of, heads, takes_in }) = attend::read(operator.values, operator.node)? else {
        return Ok(None);
    };
    operator.attributes.flag("allowzero", false)?;
    (operator.reads, operator.takes_in) = (Some(vec![of]), takes_in);
    Ok(Some(Attention { heads }))
}
