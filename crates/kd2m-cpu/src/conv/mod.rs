//! Convolution on `[h][w][n][c]`: what every kernel needs to know of a layer, and the three products it does.
//!
//! A linear layer is the convolution of a map of one position. Kernels: [`gemm`] everywhere, [`depthwise`]; which one a shape gets
//! is decided in [`dispatch`](crate::dispatch).

pub mod depthwise;
pub mod gemm;
pub mod rows;

use std::fmt;

use crate::{
    dispatch::{self, Kernel, Rule},
    geometry::{Geometry, Window},
    isa::Isa,
    layout::{Extent, Pack},
};

/// How the input lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// `[h][w][n][c]`.
    Maps,
    /// Images with a border of zeros, `[n][h][w][c]`: first layers of few channels.
    PaddedImages { border: [usize; 2] },
}

/// A convolution without its batch size; `input` and `output` hold the channels of all groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    pub window: Window,
    pub groups: usize,
    pub input: Extent,
    pub output: Extent,
    pub source: Source,
}

impl fmt::Display for ConvShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { kernel: [kh, kw], stride: [sy, sx], dilation, .. } = self.window;
        write!(f, "{kh}×{kw}")?;
        match (sy, sx) {
            (1, 1) => {}
            _ if sy == sx => write!(f, " /{sy}")?,
            _ => write!(f, " /{sy}×{sx}")?,
        }
        if dilation != [1, 1] {
            write!(f, " dilation {}×{}", dilation[0], dilation[1])?;
        }
        if self.groups > 1 {
            write!(f, " in {} groups", self.groups)?;
        }
        let (i, o) = (self.input, self.output);
        write!(f, " {}×{}×{} → {}×{}×{}", i.channels, i.height, i.width, o.channels, o.height, o.width)
    }
}

impl ConvShape {
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.input.channels && self.groups == self.output.channels
    }

    /// The weights as PyTorch counts them, in the order of memory that a kernel of this block width reads.
    pub fn pack(&self, block: usize, granule: usize) -> Pack {
        let (groups, outputs) = (self.groups, self.output.channels);
        if self.is_depthwise() {
            // One input for every output: `[tap][channel]`, contiguous along the channels.
            return Pack { groups: 1, outputs, inputs: 1, taps: self.window.taps(), block: outputs, granule: 1 };
        }
        let inputs = self.input.channels / groups;
        let block = if block == 0 { outputs / groups } else { block };
        Pack { groups, outputs: outputs / groups, inputs, taps: self.window.taps(), block, granule }
    }
}

/// What happens to a product before it is stored: `y = min(max(product + y₀ + bias + residual, low), high)`.
#[derive(Clone, Copy)]
pub struct Epilogue<'a> {
    /// Add to what is in the output already (y₀).
    pub accumulate: bool,
    /// One value an output channel.
    pub bias: Option<&'a [f32]>,
    /// In the output's layout.
    pub residual: Option<&'a [f32]>,
    pub limits: (f32, f32),
}

impl Epilogue<'_> {
    /// The bare product, stored or added.
    pub fn product(accumulate: bool) -> Self {
        Self { accumulate, bias: None, residual: None, limits: (f32::NEG_INFINITY, f32::INFINITY) }
    }

    pub fn is_limited(&self) -> bool {
        self.limits != (f32::NEG_INFINITY, f32::INFINITY)
    }
}

/// A convolution with its lists of pairs and the kernel that was chosen for it.
pub struct Convolution {
    pub shape: ConvShape,
    pub geometry: Geometry,
    /// The weights in memory, as PyTorch counts taps and inputs.
    pub pack: Pack,
    /// The same memory as the kernels read it: over padded images, a kernel row is one tap of `kw · c` inputs.
    pub view: Pack,
    pub rule: &'static Rule,
    pub isa: Isa,
}

impl Convolution {
    pub fn new(shape: ConvShape, isa: Isa) -> Self {
        let rule = dispatch::choose(&shape, isa);
        let (block, granule) = rule.kernel.block();
        let pack = shape.pack(block, granule);
        let (geometry, view) = match shape.source {
            Source::Maps => (Geometry::new(&shape.window, shape.input, shape.output), pack),
            Source::PaddedImages { border } => {
                let rows = Geometry::over_padded_rows(&shape.window, shape.input, shape.output, border);
                let [height, width] = shape.window.kernel;
                (rows, Pack { taps: height, inputs: width * pack.inputs, ..pack })
            }
        };
        Self { shape, geometry, pack, view, rule, isa }
    }

    /// `y = epilogue(x ∗ weight)` for n samples; `weight` in the order of [`pack`](Self::pack).
    pub fn forward(&self, x: &[f32], weight: &[f32], y: &mut [f32], n: usize, epilogue: Epilogue) {
        match self.rule.kernel {
            Kernel::Depthwise => depthwise::forward(self, x, weight, y, n, epilogue),
            Kernel::Gemm => gemm::forward(self, x, weight, y, n, epilogue),
        }
    }

    /// The gradient to the input, stored or added to `dx`.
    pub fn input_gradient(&self, dy: &[f32], weight: &[f32], dx: &mut [f32], n: usize, accumulate: bool) {
        match self.rule.kernel {
            Kernel::Depthwise => depthwise::input_gradient(self, dy, weight, dx, n, accumulate),
            Kernel::Gemm => gemm::input_gradient(self, dy, weight, dx, n, accumulate),
        }
    }

    /// The gradient to the weights, stored or added to `dw`.
    pub fn weight_gradient(&self, x: &[f32], dy: &[f32], dw: &mut [f32], n: usize, accumulate: bool) {
        match self.rule.kernel {
            Kernel::Depthwise => depthwise::weight_gradient(self, x, dy, dw, n, accumulate),
            Kernel::Gemm => gemm::weight_gradient(self, x, dy, dw, n, accumulate),
        }
    }

    /// How the input's rows lie for n samples.
    pub fn source_rows(&self, n: usize) -> rows::Side {
        let channels = self.shape.input.channels;
        match self.shape.source {
            Source::Maps => rows::Side::maps(n, channels),
            Source::PaddedImages { border } => {
                let (height, width) = (self.shape.input.height + 2 * border[0], self.shape.input.width + 2 * border[1]);
                rows::Side { position: channels, row: height * width * channels }
            }
        }
    }

    /// Multiply–adds of one of the three products for one sample, dead taps left out.
    pub fn multiply_adds(&self) -> u64 {
        (self.geometry.pairs() * self.view.inputs * self.view.outputs * self.view.groups) as u64
    }
}
