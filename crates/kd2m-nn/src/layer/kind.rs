//! What a graph, a file and a listing ask of a layer: one implementation a layer, in the layer's own file.

use std::fmt;

use crate::{
    onnx::{operator::Operator, writer::Writer},
    parameter::Role,
    shape::Shape,
};

use super::init::{Fan, Init};

/// A tensor of a layer: PyTorch's name of it within the layer ([`OWN`](crate::parameter::OWN): the layer's name), its shape, what it is for.
pub(crate) type Tensor = (&'static str, Vec<usize>, Role);

/// One kind of layer with its settings.
pub(crate) trait Kind {
    /// The shape of its output, or why there is none.
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String>;

    /// Its parameters and running statistics, in PyTorch's order.
    fn tensors(&self) -> Vec<Tensor> {
        Vec::new()
    }

    /// How weight, bias and embedding are drawn; scales begin at 1 unless it is a constant, and shifts at 0.
    fn init(&self) -> (Init, Fan) {
        (Init::TorchDefault, Fan { inward: 1, outward: 1 })
    }

    /// Multiply–adds for one sample whose output has this shape.
    fn multiply_adds(&self, _output: Shape) -> u64 {
        0
    }

    /// A few words for listings, e.g. `conv 3×3 /2 3→64`.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// The ONNX operators that together do what the layer does.
    fn write(&self, onnx: &mut Writer);
}

/// ONNX operators by name, and what reads one as the settings of a layer; none if it is something else, which another may know.
pub(crate) type Operators<T> = [(&'static str, fn(&mut Operator) -> Result<Option<T>, String>)];

/// The sole input.
pub(crate) fn one(inputs: &[Shape]) -> Result<Shape, String> {
    inputs.first().copied().ok_or("needs an input".to_owned())
}

/// Channels, height and width of the sole input.
pub(crate) fn map(inputs: &[Shape]) -> Result<(usize, usize, usize), String> {
    match one(inputs)? {
        Shape::Map { channels, height, width } => Ok((channels, height, width)),
        Shape::Vector(_) => Err("needs a map, got a vector".to_owned()),
        Shape::Tokens { .. } => Err("needs a map, got tokens".to_owned()),
    }
}

/// Number and width of the tokens that are the sole input.
pub(crate) fn tokens(inputs: &[Shape]) -> Result<(usize, usize), String> {
    match one(inputs)? {
        Shape::Tokens { tokens, width } => Ok((tokens, width)),
        shape => Err(format!("needs tokens, got {shape}")),
    }
}

/// The sole input, if it is no tokens.
pub(crate) fn no_tokens(inputs: &[Shape]) -> Result<Shape, String> {
    match one(inputs)? {
        Shape::Tokens { .. } => Err("needs a map or a vector, got tokens".to_owned()),
        shape => Ok(shape),
    }
}
