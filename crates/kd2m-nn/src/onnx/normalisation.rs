//! The arithmetic on the images that a model begins with, as the one normalisation per channel that a graph has.

use std::collections::HashMap;

use super::{
    attributes::{Attributes, float_type},
    error::OnnxError,
    proto::{GraphProto, NodeProto},
    tensor::Constant,
};

/// (x − mean) / std per channel, and where it ends.
pub(super) struct Normalisation {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
    /// The value that comes out.
    pub output: String,
    /// First outputs of the operators that it stands for.
    pub operators: Vec<String>,
}

/// a·x + b per channel, in f64 so that several steps lose nothing.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
    /// Mean and deviation as they stand in the file, while the steps are one subtraction, then one division.
    exact: Option<[Vec<f32>; 2]>,
}

impl Normalisation {
    /// Follows the images through casts and through additions, subtractions, products and quotients with constants, as long as each
    /// value has one reader.
    ///
    /// # Errors
    /// A constant that is not one a channel, or a scale that a deviation cannot stand for.
    pub fn find(
        graph: &GraphProto,
        input: &str,
        constants: &HashMap<String, Constant>,
        shape: [usize; 3],
    ) -> Result<Self, OnnxError> {
        let channels = shape[0];
        let mut affine = Affine {
            scale: vec![1.0; channels],
            shift: vec![0.0; channels],
            exact: Some([vec![0.0; channels], vec![1.0; channels]]),
        };
        let (mut output, mut operators) = (input.to_owned(), Vec::new());
        while let Some((node, constant)) = step(graph, &output, constants) {
            let refuse = |reason: String| OnnxError::operator(node, reason);
            if let Some((constant, reversed)) = constant {
                let values = per_channel(constant, shape).map_err(refuse)?;
                affine.then(&node.op_type, &values, reversed);
            }
            output.clone_from(&node.output[0]);
            operators.push(output.clone());
        }
        let [mean, std] = affine.exact.unwrap_or_else(|| {
            let mean = affine.shift.iter().zip(&affine.scale).map(|(b, a)| (-b / a) as f32).collect();
            [mean, affine.scale.iter().map(|a| (1.0 / a) as f32).collect()]
        });
        let usable = |(mean, std): (&f32, &f32)| mean.is_finite() && std.is_finite() && *std > 0.0;
        if !mean.iter().zip(&std).all(usable) {
            return Err(OnnxError::Unsuitable(format!(
                "the images are normalised by mean {mean:?} and deviation {std:?}; a deviation has to be above 0"
            )));
        }
        Ok(Self { mean, std, output, operators })
    }
}

/// A constant operand, and whether it comes first.
type Operand<'a> = Option<(&'a Constant, bool)>;

/// The one operator that reads a value, if it is a step of a normalisation.
fn step<'a>(
    graph: &'a GraphProto,
    value: &str,
    constants: &'a HashMap<String, Constant>,
) -> Option<(&'a NodeProto, Operand<'a>)> {
    // Who asks for the shape does not read the pixels.
    let reads = |node: &&NodeProto| node.op_type != "Shape" && node.input.iter().any(|input| input == value);
    let mut readers = graph.node.iter().filter(reads);
    let node = readers.next()?;
    let is_output = graph.output.iter().any(|output| output.name == value);
    if readers.next().is_some()
        || is_output
        || node.output.len() != 1
        || !matches!(node.domain.as_str(), "" | "ai.onnx")
    {
        return None;
    }
    let float = |name: &String| constants.get(name).filter(|c| c.floats().is_some());
    match (node.op_type.as_str(), &node.input[..]) {
        ("Identity", [_]) => Some((node, None)),
        ("Cast", [_]) => {
            let mut attributes = Attributes::of(node).ok()?;
            float_type(&mut attributes).and_then(|()| attributes.finish()).ok()?;
            Some((node, None))
        }
        ("Sub" | "Div" | "Mul" | "Add", [first, second]) if node.attribute.is_empty() => {
            if first == value {
                Some((node, Some((float(second)?, false))))
            } else {
                Some((node, Some((float(first)?, true)))).filter(|_| node.op_type != "Div")
            }
        }
        _ => None,
    }
}

impl Affine {
    fn then(&mut self, operator: &str, values: &[f32], reversed: bool) {
        self.exact = self.exact.take().and_then(|[mean, std]| match operator {
            "Sub" if !reversed && std.iter().all(|s| *s == 1.0) && mean.iter().all(|m| *m == 0.0) => {
                Some([values.to_vec(), std])
            }
            "Div" if std.iter().all(|s| *s == 1.0) => Some([mean, values.to_vec()]),
            _ => None,
        });
        for ((scale, shift), value) in self.scale.iter_mut().zip(&mut self.shift).zip(values) {
            let value = f64::from(*value);
            match operator {
                "Add" => *shift += value,
                "Sub" if reversed => (*scale, *shift) = (-*scale, value - *shift),
                "Sub" => *shift -= value,
                "Mul" => (*scale, *shift) = (*scale * value, *shift * value),
                _ => (*scale, *shift) = (*scale / value, *shift / value),
            }
        }
    }
}

/// One value a channel, if that is what ONNX makes of the constant: it broadcasts over the last axes, so that `[3]` goes along the
/// columns of pictures three wide and is no list of channels.
fn per_channel(constant: &Constant, [channels, height, width]: [usize; 3]) -> Result<Vec<f32>, String> {
    let values = constant.floats().unwrap_or_default();
    let mut shape = vec![1; 4_usize.saturating_sub(constant.shape.len())];
    shape.extend(&constant.shape);
    let fits = shape.len() == 4 && shape.iter().zip([1, channels, height, width]).all(|(a, b)| *a == 1 || *a == b);
    match (values, &shape[..]) {
        ([first, rest @ ..], _) if fits && rest.iter().all(|value| value == first) => Ok(vec![*first; channels]),
        (_, [1, _, 1, 1]) if fits => Ok(values.to_vec()),
        _ => Err(format!(
            "its constant of shape {:?} is not one number a channel, which has shape [{channels}, 1, 1]: ONNX broadcasts over the last axes",
            constant.shape
        )),
    }
}
