//! Linear layers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Init, Layer,
    kind::{Fan, Kind, Operator, Tensor, one},
};
use crate::{
    onnx::{
        attributes::Attributes,
        export::{Writer, int},
        import::Import,
        proto::NodeProto,
    },
    parameter::Role,
    shape::Shape,
};

/// y = W x + b; weight `[outputs, inputs]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Length of the vectors that it reads.
    pub inputs: usize,
    /// Length of the vectors that it gives.
    pub outputs: usize,
    /// Whether there is a b.
    pub bias: bool,
    /// How the weight is drawn.
    pub init: Init,
}

impl Linear {
    /// With bias, PyTorch's default initialisation.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, bias: true, init: Init::TorchDefault }
    }
}

impl Kind for Linear {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match one(inputs)? {
            Shape::Vector(d) if d == self.inputs => Ok(Shape::Vector(self.outputs)),
            shape => Err(format!("expects a vector of {}, got {shape}", self.inputs)),
        }
    }

    fn tensors(&self) -> Vec<Tensor> {
        let bias = self.bias.then(|| ("bias", vec![self.outputs], Role::Bias));
        [("weight", vec![self.outputs, self.inputs], Role::Weight)].into_iter().chain(bias).collect()
    }

    fn init(&self) -> (Init, Fan) {
        (self.init, Fan { inward: self.inputs, outward: self.outputs })
    }

    fn multiply_adds(&self, _: Shape) -> u64 {
        (self.inputs * self.outputs) as u64
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linear {}→{}", self.inputs, self.outputs)
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("Gemm", onnx.input_and(self.tensors()), vec![int("transB", 1)]);
    }
}

pub(super) const OPERATORS: &[Operator] = &[("Gemm", gemm), ("MatMul", mat_mul)];

fn gemm(import: &mut Import, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
    attributes.only("transA", 0, 0)?;
    attributes.only_one("alpha")?;
    attributes.only_one("beta")?;
    let turned = attributes.flag("transB", false)?;
    let bias = import.optional_floats(node, 2, "bias")?;
    linear(import, node, turned, bias)?;
    Ok(true)
}

/// A linear layer without bias, or with the one that the next operator adds.
fn mat_mul(import: &mut Import, node: &NodeProto, _: &mut Attributes) -> Result<bool, String> {
    let adds = node.output.first().and_then(|output| import.sole_reader(output)).filter(|next| {
        next.op_type == "Add" && next.input.len() == 2 && next.attribute.is_empty() && next.domain == node.domain
    });
    let added = adds.and_then(|next| {
        let constant = next.input.iter().find_map(|name| import.constants.get(name))?;
        Some((next.output.first()?.clone(), constant.shape.clone(), constant.floats()?.to_vec()))
    });
    let Some((output, shape, values)) = added else {
        linear(import, node, false, None)?;
        return Ok(true);
    };
    linear(import, node, false, Some((shape, values)))?;
    import.take_in(node, &output)?;
    Ok(true)
}

/// The second input's matrix is `[outputs, inputs]` where `turned`, as PyTorch's; ONNX's own is `[inputs, outputs]`.
fn linear(
    import: &mut Import,
    node: &NodeProto,
    turned: bool,
    bias: Option<(Vec<usize>, Vec<f32>)>,
) -> Result<(), String> {
    let x = import.input(node, 0)?;
    let (shape, mut weight) = import.floats(node, 1, "weight")?;
    let [mut outputs, mut inputs] = shape[..] else { return Err(format!("its weight {shape:?} is no matrix")) };
    if !turned {
        (inputs, outputs) = (outputs, inputs);
        weight = (0..outputs * inputs).map(|i| weight[i % inputs * outputs + i / inputs]).collect();
    }
    // What is added to every row: another shape would be spread over the images.
    let is_row = |shape: &[usize]| {
        shape.len() < 3 && matches!(shape, [.., last] if *last == outputs) && shape.iter().product::<usize>() == outputs
    };
    if let Some((shape, _)) = bias.as_ref().filter(|(shape, _)| !is_row(shape)) {
        return Err(format!("its bias {shape:?} is not one of {outputs} numbers"));
    }
    let name = import.name(node);
    let linear = Linear { bias: bias.is_some(), ..Linear::new(inputs, outputs) };
    import.weight(format!("{name}.weight"), &[outputs, inputs], weight);
    if let Some((_, values)) = bias {
        import.weight(format!("{name}.bias"), &[outputs], values);
    }
    let id = import.add(node, &name, Layer::Linear(linear), &[x]);
    import.note_linear(x, id);
    Ok(())
}
