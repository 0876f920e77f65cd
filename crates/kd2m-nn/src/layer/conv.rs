//! Two-dimensional convolution.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    init::{Fan, Init},
    kind::{Kind, Operators, Tensor, map},
    linear::{self, Linear},
    window,
};
use crate::{
    onnx::{
        operator::Operator,
        values::{Flow, positive},
        window::Window,
        writer::{Writer, int, ints, pads},
    },
    parameter::Role,
    shape::Shape,
};

/// Two-dimensional convolution; weight `[out, in / groups, kernel[0], kernel[1]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv {
    /// Channels of the map that it reads.
    pub in_channels: usize,
    /// Channels of the map that it gives.
    pub out_channels: usize,
    /// Height, width.
    pub kernel: [usize; 2],
    /// Height, width.
    pub stride: [usize; 2],
    /// Zeros added on both sides.
    pub padding: [usize; 2],
    /// Distance of neighbouring taps.
    pub dilation: [usize; 2],
    /// Channels are split into so many groups that do not see each other.
    pub groups: usize,
    /// Whether a number is added to each output channel.
    pub bias: bool,
    /// How the weight is drawn.
    pub init: Init,
}

impl Conv {
    /// A square kernel without bias, stride 1, "same" padding for odd sizes.
    pub fn square(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [kernel / 2; 2],
            dilation: [1; 2],
            groups: 1,
            bias: false,
            init: Init::KaimingNormalFanOut,
        }
    }

    /// The same with this stride in both directions.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = [stride; 2];
        self
    }

    /// The same in this many groups.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// The same with a bias.
    pub fn with_bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// Shape of the weight.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.out_channels, self.in_channels / self.groups, self.kernel[0], self.kernel[1]]
    }
}

impl Kind for Conv {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (channels, height, width) = map(inputs)?;
        if channels != self.in_channels {
            return Err(format!("expects {} channels, got {channels}", self.in_channels));
        }
        if self.groups == 0
            || !self.in_channels.is_multiple_of(self.groups)
            || !self.out_channels.is_multiple_of(self.groups)
        {
            return Err(format!("{} → {} channels in {} groups", self.in_channels, self.out_channels, self.groups));
        }
        let along = |axis: usize, length| {
            window::length(length, self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis])
        };
        Ok(Shape::Map { channels: self.out_channels, height: along(0, height)?, width: along(1, width)? })
    }

    fn tensors(&self) -> Vec<Tensor> {
        let bias = self.bias.then(|| ("bias", vec![self.out_channels], Role::Bias));
        [("weight", self.weight_shape().to_vec(), Role::Weight)].into_iter().chain(bias).collect()
    }

    fn init(&self) -> (Init, Fan) {
        let [outputs, inputs, h, w] = self.weight_shape();
        (self.init, Fan { inward: inputs * h * w, outward: outputs * h * w })
    }

    fn multiply_adds(&self, output: Shape) -> u64 {
        let positions = output.len() / output.channels().max(1);
        (self.weight_shape().iter().product::<usize>() * positions) as u64
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conv ")?;
        window::show(f, self.kernel, self.stride)?;
        write!(f, " {}→{}", self.in_channels, self.out_channels)?;
        if self.groups > 1 { write!(f, " in {} groups", self.groups) } else { Ok(()) }
    }

    fn write(&self, onnx: &mut Writer) {
        let attributes = vec![
            ints("kernel_shape", &self.kernel),
            ints("strides", &self.stride),
            pads(self.padding),
            ints("dilations", &self.dilation),
            int("group", self.groups),
        ];
        onnx.last("Conv", onnx.input_and(self.tensors().iter().map(|tensor| tensor.0)), attributes);
    }
}

pub(super) const OPERATORS: &Operators<Conv> = &[("Conv", read), ("MatMul", channels_last)];

fn read(operator: &mut Operator) -> Result<Option<Conv>, String> {
    if matches!(operator.values.flow(operator.node, 0), Ok(Flow::Pooled { .. })) {
        // Of one place it is a linear layer.
        return Ok(None);
    }
    let (shape, weight) = operator.floats(1, "weight")?;
    let [outputs, inputs, height, width] = shape[..] else {
        return Err(format!("its weight {shape:?} is not that of a two-dimensional convolution"));
    };
    let bias = operator.optional_floats(2, "bias")?;
    if bias.as_ref().is_some_and(|(shape, _)| *shape != [outputs]) {
        return Err(format!("its bias should be [{outputs}]"));
    }
    let groups = positive(operator.attributes.int("group")?.unwrap_or(1), "group")?;
    let map = operator.map()?;
    let window = Window::take(&mut operator.attributes, Some([height, width]), map, false)?;
    operator.zeros = window.around();
    let conv = Conv {
        in_channels: inputs.checked_mul(groups).ok_or("too many groups")?,
        out_channels: outputs,
        kernel: window.kernel,
        stride: window.stride,
        padding: if operator.zeros.is_some() { [0; 2] } else { window.before },
        dilation: window.dilation,
        groups,
        bias: bias.is_some(),
        init: Init::TorchDefault,
    };
    operator.keep("weight", shape, weight);
    if let Some((shape, values)) = bias {
        operator.keep("bias", shape, values);
    }
    Ok(Some(conv))
}

/// A linear layer on the channels of a map that lie behind its places, as in ConvNeXt: a convolution of one place.
fn channels_last(operator: &mut Operator) -> Result<Option<Conv>, String> {
    let Ok(Flow::ChannelsLast(of)) = operator.values.flow(operator.node, 0) else { return Ok(None) };
    if !matches!(operator.values.shapes[of.0], Shape::Map { .. }) {
        return Ok(None);
    }
    let Linear { inputs, outputs, bias, .. } = linear::mat_mul(operator)?;
    for (name, tensor) in &mut operator.tensors {
        if *name == "weight" {
            tensor.shape.extend([1, 1]);
        }
    }
    (operator.reads, operator.gives) = (Some(vec![of]), Flow::ChannelsLast);
    Ok(Some(Conv { bias, init: Init::TorchDefault, ..Conv::square(inputs, outputs, 1) }))
}
