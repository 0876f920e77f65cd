//! What a graph, a file and a listing ask of a layer: one implementation a layer, in the layer's own file.

use std::fmt;

use crate::{
    onnx::{attributes::Attributes, export::Writer, import::Import, proto::NodeProto},
    parameter::Role,
    shape::Shape,
};

use super::Init;

/// Connections into and out of one unit, counted as PyTorch does: groups do not lower the second.
#[derive(Clone, Copy)]
pub(crate) struct Fan {
    pub inward: usize,
    pub outward: usize,
}

/// A tensor of a layer: PyTorch's name of it, its shape, what it is for.
pub(crate) type Tensor = (&'static str, Vec<usize>, Role);

/// One kind of layer with its settings.
pub(crate) trait Kind {
    /// The shape of its output, or why there is none.
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String>;

    /// Its parameters and running statistics, in PyTorch's order.
    fn tensors(&self) -> Vec<Tensor> {
        Vec::new()
    }

    /// How weight and bias are drawn. Asked only of layers that have one; scales and shifts begin at 1 and 0.
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

/// Reads an ONNX operator as a layer; false if this operator is something else, which another reader may know.
pub(crate) type Read = fn(&mut Import, &NodeProto, &mut Attributes) -> Result<bool, String>;

/// An ONNX operator and what reads it.
pub(crate) type Operator = (&'static str, Read);

/// The sole input.
pub(crate) fn one(inputs: &[Shape]) -> Result<Shape, String> {
    inputs.first().copied().ok_or("needs an input".to_owned())
}

/// Channels, height and width of the sole input.
pub(crate) fn map(inputs: &[Shape]) -> Result<(usize, usize, usize), String> {
    match one(inputs)? {
        Shape::Map { channels, height, width } => Ok((channels, height, width)),
        Shape::Vector(_) => Err("needs a map, got a vector".to_owned()),
    }
}
