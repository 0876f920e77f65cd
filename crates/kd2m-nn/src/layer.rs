//! The layers that a graph is made of, with PyTorch's meaning of every parameter.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a layer's weight is drawn at the start of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Init {
    /// Normal with variance 2 / fan_out and bias zero (torchvision's ResNets, the CIFAR networks).
    KaimingNormalFanOut,
    /// PyTorch's default for convolutions and linear layers: uniform in ±1/√fan_in, weight and bias.
    TorchDefault,
    /// The same for the weight, bias zero (wide ResNets' classifier).
    TorchDefaultZeroBias,
    /// Normal with this standard deviation, bias zero (VGG's linear layers).
    Normal(f32),
}

/// Two-dimensional convolution; weight `[out, in / groups, kernel[0], kernel[1]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv {
    pub in_channels: usize,
    pub out_channels: usize,
    /// Height, width.
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Zeros added on both sides.
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
    pub bias: bool,
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

/// Batch normalisation over the channels of maps `[n, c, h, w]` or of vectors `[n, c]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    pub channels: usize,
    pub eps: f32,
    /// Weight of the new batch in the running statistics.
    pub momentum: f32,
}

impl BatchNorm {
    /// PyTorch's defaults: eps 1e-5, momentum 0.1.
    pub fn new(channels: usize) -> Self {
        Self { channels, eps: 1e-5, momentum: 0.1 }
    }
}

/// y = W x + b; weight `[outputs, inputs]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    pub inputs: usize,
    pub outputs: usize,
    pub bias: bool,
    pub init: Init,
}

impl Linear {
    /// With bias, PyTorch's default initialisation.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, bias: true, init: Init::TorchDefault }
    }
}

/// A pooling window; padding counts as −∞ for maxima and, as PyTorch does by default, as zeros for averages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
}

/// One operation of a graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Layer {
    /// The images: pixels in 0…1.
    Input,
    /// (x − mean) / std per channel.
    Normalise {
        mean: Vec<f32>,
        std: Vec<f32>,
    },
    Conv(Conv),
    BatchNorm(BatchNorm),
    Linear(Linear),
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// The sum of two inputs of equal shape.
    Add,
    /// Channels of all inputs one after another.
    Concat,
    /// Channels `start..start + len` of a map (ShuffleNet V2's split).
    Slice {
        start: usize,
        len: usize,
    },
    MaxPool(Pool),
    AvgPool(Pool),
    /// The mean over positions: maps `[n, c, h, w]` become vectors `[n, c]`.
    GlobalAvgPool,
    /// Maps `[n, c, h, w]` become vectors `[n, c·h·w]`, channels outermost.
    Flatten,
    /// Channels seen as `[groups, c / groups]` and transposed.
    ChannelShuffle {
        groups: usize,
    },
}

/// `3×3`, or with its stride `3×3 /2`.
fn window(f: &mut fmt::Formatter<'_>, kernel: [usize; 2], stride: [usize; 2]) -> fmt::Result {
    write!(f, "{}×{}", kernel[0], kernel[1])?;
    match stride {
        [1, 1] => Ok(()),
        [h, w] if h == w => write!(f, " /{h}"),
        [h, w] => write!(f, " /{h}×{w}"),
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Input => write!(f, "images"),
            Layer::Normalise { .. } => write!(f, "normalise"),
            Layer::Conv(c) => {
                write!(f, "conv ")?;
                window(f, c.kernel, c.stride)?;
                write!(f, " {}→{}", c.in_channels, c.out_channels)?;
                if c.groups > 1 { write!(f, " in {} groups", c.groups) } else { Ok(()) }
            }
            Layer::BatchNorm(_) => write!(f, "batch norm"),
            Layer::Linear(l) => write!(f, "linear {}→{}", l.inputs, l.outputs),
            Layer::Relu => write!(f, "ReLU"),
            Layer::Relu6 => write!(f, "ReLU6"),
            Layer::Add => write!(f, "add"),
            Layer::Concat => write!(f, "concatenate"),
            Layer::Slice { start, len } => write!(f, "channels {start}…{}", (start + len).saturating_sub(1)),
            Layer::MaxPool(p) => {
                write!(f, "max-pool ")?;
                window(f, p.kernel, p.stride)
            }
            Layer::AvgPool(p) => {
                write!(f, "average-pool ")?;
                window(f, p.kernel, p.stride)
            }
            Layer::GlobalAvgPool => write!(f, "mean over positions"),
            Layer::Flatten => write!(f, "flatten"),
            Layer::ChannelShuffle { groups } => write!(f, "shuffle {groups} groups"),
        }
    }
}
