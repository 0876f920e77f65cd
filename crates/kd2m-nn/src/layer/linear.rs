//! Linear layers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    init::{Fan, Init},
    kind::{Kind, Operators, Tensor, one},
};
use crate::{
    onnx::{
        operator::{Numbers, Operator},
        values::Flow,
        window::Window,
        writer::{Writer, int, ints},
    },
    parameter::Role,
    shape::Shape,
};

/// y = W x + b of each vector, of each token, or of the channels at each place of a map; weight `[outputs, inputs]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Length of the vectors, width of the tokens, channels of the maps that it reads.
    pub inputs: usize,
    /// The same of what it gives.
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
            Shape::Tokens { tokens, width } if width == self.inputs => {
                Ok(Shape::Tokens { tokens, width: self.outputs })
            }
            Shape::Map { channels, height, width } if channels == self.inputs => {
                Ok(Shape::Map { channels: self.outputs, height, width })
            }
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

    fn multiply_adds(&self, output: Shape) -> u64 {
        (self.inputs * output.len()) as u64
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linear {}→{}", self.inputs, self.outputs)
    }

    fn write(&self, onnx: &mut Writer) {
        if onnx.sizes.len() == 1 {
            let inputs = onnx.input_and(self.tensors().iter().map(|tensor| tensor.0));
            return onnx.last("Gemm", inputs, vec![int("transB", 1)]);
        }
        if onnx.sizes.len() == 3 {
            // At each place of a map it is a convolution.
            let shape = onnx.integers("shape", &[self.outputs as i64, self.inputs as i64, 1, 1]);
            let kernel = onnx.part("kernel", "Reshape", vec![onnx.tensor("weight"), shape], vec![]);
            let bias = self.bias.then(|| onnx.tensor("bias"));
            let inputs = [onnx.input(), kernel].into_iter().chain(bias).collect();
            return onnx.last("Conv", inputs, vec![ints("kernel_shape", &[1, 1])]);
        }
        // Gemm is of matrices only; tokens are multiplied as PyTorch exports them.
        let turned = onnx.part("turned", "Transpose", vec![onnx.tensor("weight")], vec![ints("perm", &[1, 0])]);
        let inputs = vec![onnx.input(), turned];
        if !self.bias {
            return onnx.last("MatMul", inputs, vec![]);
        }
        let product = onnx.key("product");
        onnx.push(onnx.name.to_owned(), "MatMul", inputs, product.clone(), vec![]);
        onnx.push(onnx.key("sum"), "Add", vec![product, onnx.tensor("bias")], onnx.output.clone(), vec![]);
    }
}

pub(super) const OPERATORS: &Operators<Linear> = &[("Gemm", gemm), ("MatMul", product), ("Conv", conv)];

fn product(operator: &mut Operator) -> Result<Option<Linear>, String> {
    no_map(operator)?;
    mat_mul(operator).map(Some)
}

/// ONNX multiplies along the last axis, which in a map is its columns, and the layer along the channels.
fn no_map(operator: &Operator) -> Result<(), String> {
    match operator.shape(0) {
        Ok(map @ Shape::Map { .. }) => Err(format!("of a map of {map} is over its columns, which is no layer")),
        _ => Ok(()),
    }
}

fn gemm(operator: &mut Operator) -> Result<Option<Linear>, String> {
    no_map(operator)?;
    operator.attributes.only("transA", 0, 0)?;
    operator.attributes.only_one("alpha")?;
    operator.attributes.only_one("beta")?;
    let turned = operator.attributes.flag("transB", false)?;
    let bias = operator.optional_floats(2, "bias")?;
    linear(operator, turned, bias).map(Some)
}

/// A linear layer without bias, or with the one that the next operator adds.
pub(super) fn mat_mul(operator: &mut Operator) -> Result<Linear, String> {
    let adds = operator.next(operator.node, "Add").filter(|next| next.input.len() == 2);
    let bias = adds.and_then(|next| {
        let constant = next.input.iter().find_map(|name| operator.values.constants.get(name))?;
        operator.takes_in.push(next.output.first()?.clone());
        Some((constant.shape.clone(), constant.floats()?.to_vec()))
    });
    linear(operator, false, bias)
}

/// A convolution of a pooled map, which is one place.
fn conv(operator: &mut Operator) -> Result<Option<Linear>, String> {
    let Flow::Pooled { of, ones: 2 } = operator.values.flow(operator.node, 0)? else {
        return Err("reads a pooled map whose axes were taken off".to_owned());
    };
    let (shape, weight) = operator.floats(1, "weight")?;
    let [outputs, inputs, height, width] = shape[..] else {
        return Err(format!("its weight {shape:?} is not that of a two-dimensional convolution"));
    };
    operator.attributes.only("group", 1, 1)?;
    let window = Window::take(&mut operator.attributes, Some([height, width]), [1; 2], false)?;
    if window.kernel != [1; 2] || window.before != [0; 2] || window.behind != [0; 2] {
        return Err("of a pooled map is a layer with a kernel of 1×1 without padding only".to_owned());
    }
    (operator.reads, operator.ones) = (Some(vec![of]), 2);
    operator.keep("weight", vec![outputs, inputs], weight);
    let bias = operator.optional_floats(2, "bias")?;
    let linear = Linear { bias: bias.is_some(), ..Linear::new(inputs, outputs) };
    if bias.is_some() {
        operator.keep_vector("bias", 2, outputs)?;
    }
    Ok(Some(linear))
}

/// The second input's matrix is `[outputs, inputs]` where `turned`, as PyTorch's; ONNX's own is `[inputs, outputs]`.
fn linear(operator: &mut Operator, turned: bool, bias: Option<Numbers>) -> Result<Linear, String> {
    let (shape, mut weight) = operator.floats(1, "weight")?;
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
    operator.keep("weight", vec![outputs, inputs], weight);
    let linear = Linear { bias: bias.is_some(), ..Linear::new(inputs, outputs) };
    if let Some((_, values)) = bias {
        operator.keep("bias", vec![outputs], values);
    }
    Ok(linear)
}
