//! Sums, differences, products and quotients of a map and one number for each of its channels, or for all (as the layer scale of ConvNeXt):
//! a convolution of one place within each channel, whose numbers are trained like any others. Those on the images are their
//! normalisation, and those that belong to a layer that is written in several operators were taken with it.

use super::{
    import::Import,
    proto::NodeProto,
    tensor::Constant,
    values::{Flow, Values},
};
use crate::{
    layer::{Conv, Init, Layer},
    shape::Shape,
    weights::NamedTensor,
};

/// scale · x + shift for each channel.
struct Affine {
    scale: Vec<f32>,
    shift: Option<Vec<f32>>,
}

impl Affine {
    /// What one operator does; `reversed`: the constant comes first.
    fn of(operator: &str, values: Vec<f32>, reversed: bool) -> Result<Self, String> {
        let ones = |sign: f32| vec![sign; values.len()];
        Ok(match (operator, reversed) {
            ("Mul", _) => Self { scale: values, shift: None },
            ("Add", _) => Self { scale: ones(1.0), shift: Some(values) },
            ("Sub", false) => Self { scale: ones(1.0), shift: Some(values.iter().map(|value| -value).collect()) },
            ("Sub", true) => Self { scale: ones(-1.0), shift: Some(values) },
            ("Div", false) if values.iter().all(|value| *value != 0.0) => {
                Self { scale: values.iter().map(|value| value.recip()).collect(), shift: None }
            }
            _ => return Err("of a constant by what is computed, or by zero, is not a layer".to_owned()),
        })
    }
}

impl Import {
    /// Adds the layer, with the sum that follows a product where it is of the same kind.
    pub fn affine(&mut self, node: &NodeProto) -> Result<(), String> {
        let refused =
            "with a constant is a layer on maps, one number a channel or one for all, or as the bias of a MatMul";
        let (place, reversed) = match &node.input[..] {
            [first, second] if self.values.is_computed(first) => (second, false),
            [first, _] => (first, true),
            _ => return Err(refused.to_owned()),
        };
        let flow = self.values.flow(node, usize::from(reversed))?;
        let (of, last) = match flow {
            Flow::ChannelsLast(of) => (of, true),
            _ => (self.values.input(node, usize::from(reversed))?, false),
        };
        let Shape::Map { channels, .. } = self.values.shapes[of.0] else { return Err(refused.to_owned()) };
        let constant =
            |values: &Values, name: &str| values.constants.get(name).and_then(|c| per_channel(c, channels, last));
        let values = constant(&self.values, place).ok_or_else(|| refused.to_owned())?;
        let mut affine = Affine::of(&node.op_type, values, reversed)?;
        let next = node.output.first().and_then(|output| self.values.sole_reader(output)).filter(|next| {
            next.op_type == "Add" && affine.shift.is_none() && next.output.len() == 1 && next.attribute.is_empty()
        });
        let sum = next.and_then(|next| {
            let shift = next.input.iter().find_map(|name| constant(&self.values, name))?;
            Some((next.output.first()?.clone(), shift))
        });
        let taken = sum.map(|(output, shift)| {
            affine.shift = Some(shift);
            output
        });
        let conv = Conv {
            padding: [0; 2],
            bias: affine.shift.is_some(),
            init: Init::TorchDefault,
            ..Conv::square(channels, channels, 1).groups(channels)
        };
        let weight = NamedTensor { shape: conv.weight_shape().to_vec(), values: affine.scale };
        let (id, name) = self.add(node, 0, Layer::Conv(conv), &[of]);
        self.weights.insert(format!("{name}.weight"), weight);
        let bias = affine.shift.map(|values| NamedTensor { shape: vec![channels], values });
        self.weights.extend(bias.map(|bias| (format!("{name}.bias"), bias)));
        let flow = if last { Flow::ChannelsLast(id) } else { Flow::Node(id) };
        self.values.bind(node, 0, flow);
        if let Some(output) = taken {
            self.values.flows.insert(output.clone(), flow);
            self.taken_in.insert(output);
        }
        Ok(())
    }
}

/// One number for each channel, if that is what ONNX makes of the constant beside a map whose channels are behind its places (`last`) or
/// before them.
fn per_channel(constant: &Constant, channels: usize, last: bool) -> Option<Vec<f32>> {
    let values = constant.floats()?;
    let along = if last { 1 } else { 3 };
    // Axes are laid side by side from the last.
    let fits =
        constant.shape.iter().rev().enumerate().all(|(at, size)| *size == 1 || (at + 1 == along && *size == channels));
    match values {
        [one] if fits && constant.shape.len() <= 4 => Some(vec![*one; channels]),
        all if fits && constant.shape.len() <= 4 && all.len() == channels => Some(all.to_vec()),
        _ => None,
    }
}
