//! Convolution on `[h][w][n][c]`: what every kernel needs to know of a layer, and the three products it does.
//!
//! A linear layer is the convolution of a map of one position. Kernels: [`winograd`], [`direct`], [`depthwise`], and [`gemm`] for all
//! else; which one a shape gets is decided in [`dispatch`](crate::dispatch).

// Register tiles are arrays that loops of known length index: iterators over them hide which registers are meant.
#![allow(clippy::needless_range_loop)]

pub mod depthwise;
pub mod direct;
pub mod gemm;
pub mod rows;
pub mod winograd;

use std::{fmt, ops::Range};

use crate::{
    aligned::Aligned,
    dispatch::{self, Kernel, Request, Rule},
    geometry::{Geometry, Window},
    isa::Isa,
    layout::{Extent, Pack},
    threads::for_each_piece,
};
pub use direct::{Sgd, replay};
use winograd::{Direction, TapWeights, Winograd};

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

    /// Tiles of Winograd's F(4×4, 3×3) on a map.
    pub fn tiles(&self) -> usize {
        self.output.height.div_ceil(4) * self.output.width.div_ceil(4)
    }

    /// The weights as PyTorch counts them, in the order of memory that the instruction set's kernels read.
    pub fn pack_on(&self, isa: Isa) -> Pack {
        match direct::register_tile(isa) {
            Some(tile) => self.pack(tile.columns, tile.register),
            // The gemm crate takes all outputs at once.
            None => self.pack(0, 1),
        }
    }

    /// The same with blocks of this width (0: all outputs of a group), the last one of whole `granule`s.
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

/// A function of each number, over them.
pub type Pointwise = fn(Isa, &mut [f32]);

/// What happens to a product: `y = function(min(max(product + y₀ + bias + residual, low), high))`, all but the function before it is stored.
#[derive(Clone, Copy)]
pub struct Epilogue<'a> {
    /// Add to what is in the output already (y₀).
    pub accumulate: bool,
    /// One value an output channel.
    pub bias: Option<&'a [f32]>,
    /// In the output's layout.
    pub residual: Option<&'a [f32]>,
    pub limits: (f32, f32),
    /// Over what a task has stored, while it is in its cache.
    pub function: Option<Pointwise>,
}

impl Epilogue<'_> {
    /// The bare product, stored or added.
    pub fn product(accumulate: bool) -> Self {
        Self { accumulate, bias: None, residual: None, limits: (f32::NEG_INFINITY, f32::INFINITY), function: None }
    }

    pub fn is_limited(&self) -> bool {
        self.limits != (f32::NEG_INFINITY, f32::INFINITY)
    }
}

/// A step of SGD that the gradient to the weights may end in, instead of storing the gradient.
pub struct FusedStep<'a> {
    pub sgd: Sgd,
    /// In the order of [`Convolution::pack`], as is the momentum.
    pub weight: &'a mut [f32],
    pub moment: &'a mut [f32],
}

/// Scratch memory that all layers of a network share.
#[derive(Default)]
pub struct Workspace {
    transposed: Aligned,
    tiles: winograd::Workspace,
    /// Transformed weights that live as long as one product; layers with the same widths share them.
    points: Vec<((usize, usize, Direction), winograd::Weights)>,
}

impl Workspace {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        size_of::<f32>()
            * (self.transposed.len() + self.tiles.len() + self.points.iter().map(|(_, w)| w.len()).sum::<usize>())
    }
}

/// A convolution with its lists of pairs.
pub struct Convolution {
    pub shape: ConvShape,
    pub geometry: Geometry,
    /// The weights in memory, as PyTorch counts taps and inputs.
    pub pack: Pack,
    /// The same memory as the kernels read it: over padded images, a kernel row is one tap of `kw · c` inputs.
    pub view: Pack,
    pub isa: Isa,
    /// Taps that only ever meet padding (eight of nine on maps of 1×1). Their weights change by decay and momentum alone and never
    /// reach an output, so a fused step leaves them out: the parameters catch up when they are read.
    pub dead: Vec<usize>,
    winograd: Option<Winograd>,
}

impl Convolution {
    /// A convolution of this shape, for kernels of this instruction set; `winograd`: whether that algorithm may be chosen.
    pub fn new(shape: ConvShape, isa: Isa, winograd: bool) -> Self {
        let pack = shape.pack_on(isa);
        let (geometry, view) = match shape.source {
            Source::Maps => {
                let geometry = Geometry::new(&shape.window, shape.input, shape.output);
                // Rows are counted apart where the number of them may decide how the gemm crate rounds.
                let has_tile = direct::register_tile(isa).is_some();
                (if has_tile { geometry.with_joined_runs() } else { geometry }, pack)
            }
            Source::PaddedImages { border } => {
                let rows = Geometry::over_padded_rows(&shape.window, shape.input, shape.output, border);
                let [height, width] = shape.window.kernel;
                (rows, Pack { taps: height, inputs: width * pack.inputs, ..pack })
            }
        };
        let dead = (0..view.taps).filter(|tap| geometry.meetings[*tap].is_empty()).collect();
        let winograd = if winograd { Winograd::new(isa, &shape) } else { None };
        Self { shape, geometry, pack, view, isa, dead, winograd }
    }

    /// Where the weights of dead taps lie.
    pub fn dead_ranges(&self) -> Vec<Range<usize>> {
        let view = &self.view;
        let blocks = (0..view.groups).flat_map(|g| (0..view.blocks()).map(move |b| (g, b)));
        blocks
            .flat_map(|(group, block)| {
                let length = view.inputs * view.width(block);
                self.dead.iter().map(move |tap| {
                    let start = view.start(group, block) + tap * length;
                    start..start + length
                })
            })
            .collect()
    }

    /// The kernel for n samples; `frozen`: the weights stay as they are, so that what is derived from them is computed once.
    pub fn rule(&self, n: usize, frozen: bool) -> &'static Rule {
        let winograd_from = self.winograd.as_ref().map(|winograd| winograd.fewest_rows(frozen));
        dispatch::choose(&Request { shape: &self.shape, isa: self.isa, winograd_from, n })
    }

    /// Whether a sample's outputs are the same to the bit in every batch, for weights that stay as they are.
    pub fn each_by_itself(&self) -> bool {
        const MANY: usize = 1 << 20;
        let kernel = |n| self.rule(n, true).kernel;
        // The gemm crate may take other ways for other numbers of rows.
        direct::register_tile(self.isa).is_some() && kernel(1) == kernel(MANY)
    }

    /// Weights that stay as they are, transformed once; none where no kernel wants that.
    pub fn prepare(&self, weight: &[f32]) -> Option<winograd::Weights> {
        let winograd = self.winograd.as_ref().filter(|winograd| !winograd.takes_taps())?;
        let mut points = winograd.weights(Direction::Forward);
        points.transform(&self.pack, weight);
        Some(points)
    }

    /// `y = epilogue(x ∗ weight)` for n samples; `weight` in the order of [`pack`](Self::pack), `prepared` what
    /// [`prepare`](Self::prepare) made of it.
    #[expect(clippy::too_many_arguments, reason = "a product with all that it fuses")]
    pub fn forward(
        &self,
        x: &[f32],
        weight: &[f32],
        prepared: Option<&winograd::Weights>,
        y: &mut [f32],
        n: usize,
        epilogue: Epilogue,
        workspace: &mut Workspace,
    ) {
        let kernel = self.rule(n, prepared.is_some()).kernel;
        match (kernel, &self.winograd) {
            (Kernel::Winograd, Some(winograd)) => match prepared {
                Some(points) => winograd.forward(x, points, y, n, epilogue, &mut workspace.tiles),
                None if winograd.takes_taps() => {
                    let taps = TapWeights { pack: &self.pack, packed: weight, direction: Direction::Forward };
                    winograd.product_of_taps(x, &taps, y, n, epilogue, &mut workspace.tiles);
                }
                None => {
                    let points = transformed(winograd, &mut workspace.points, &self.pack, weight, Direction::Forward);
                    winograd.forward(x, points, y, n, epilogue, &mut workspace.tiles);
                }
            },
            (Kernel::Depthwise, _) => depthwise::forward(self, x, weight, y, n, epilogue),
            (Kernel::Direct, _) => direct::forward(self, x, weight, y, n, epilogue),
            _ => gemm::forward(self, x, weight, y, n, epilogue),
        }
        // The other two have done it in their tasks.
        if let (Kernel::Winograd | Kernel::Gemm, Some(function)) = (kernel, epilogue.function) {
            each(self.isa, y, function);
        }
    }

    /// The gradient to the input, stored or added to `dx`.
    pub fn input_gradient(
        &self,
        dy: &[f32],
        weight: &[f32],
        dx: &mut [f32],
        n: usize,
        accumulate: bool,
        workspace: &mut Workspace,
    ) {
        let kernel = self.rule(n, false).kernel;
        match (kernel, &self.winograd) {
            (Kernel::Depthwise, _) => depthwise::input_gradient(self, dy, weight, dx, n, accumulate),
            (Kernel::Gemm, _) => gemm::input_gradient(self, dy, weight, dx, n, accumulate),
            (_, winograd) => {
                let back = self.pack.transposed();
                workspace.transposed.reserve(back.len());
                let transposed = &mut workspace.transposed[..back.len()];
                // On maps smaller than the kernel most taps only ever meet padding: at 1×1, eight of nine.
                let live: Vec<usize> = (0..self.pack.taps).filter(|tap| !self.dead.contains(tap)).collect();
                self.pack.transpose_taps(self.isa, &live, weight, transposed);
                match winograd.as_ref().filter(|_| kernel == Kernel::Winograd) {
                    Some(winograd) if winograd.takes_taps() => {
                        let taps = TapWeights { pack: &back, packed: transposed, direction: Direction::InputGradient };
                        let epilogue = Epilogue::product(accumulate);
                        winograd.product_of_taps(dy, &taps, dx, n, epilogue, &mut workspace.tiles);
                    }
                    Some(winograd) => {
                        let direction = Direction::InputGradient;
                        let points = transformed(winograd, &mut workspace.points, &back, transposed, direction);
                        winograd.input_gradient(dy, points, dx, n, accumulate, &mut workspace.tiles);
                    }
                    None => direct::input_gradient(self, dy, transposed, dx, n, accumulate),
                }
            }
        }
    }

    /// The gradient to the weights, stored or added to `dw`; or, with `step`, the stepped weights of live taps, if the kernel can: then
    /// `dw` is undefined and the answer is true.
    #[expect(clippy::too_many_arguments, reason = "a product with all that it fuses")]
    pub fn weight_gradient(
        &self,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        n: usize,
        accumulate: bool,
        step: Option<FusedStep>,
        workspace: &mut Workspace,
    ) -> bool {
        match (self.rule(n, false).kernel, &self.winograd) {
            (Kernel::Winograd, Some(winograd)) => {
                winograd.weight_gradient(x, dy, &self.pack, dw, n, accumulate, &mut workspace.tiles);
                false
            }
            (Kernel::Depthwise, _) => {
                depthwise::weight_gradient(self, x, dy, dw, n, accumulate);
                false
            }
            (Kernel::Direct, _) => direct::weight_gradient(self, x, dy, dw, n, accumulate, step),
            _ => {
                gemm::weight_gradient(self, x, dy, dw, n, accumulate);
                false
            }
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

    /// What a kernel does of them, transforms left out.
    pub fn products(&self, kernel: Kernel) -> u64 {
        match (kernel, &self.winograd) {
            (Kernel::Winograd, Some(_)) => {
                (winograd::POINTS * self.shape.tiles() * self.view.inputs * self.view.outputs) as u64
            }
            _ => self.multiply_adds(),
        }
    }

    /// Multiply–adds of one of the three products for one sample, dead taps left out.
    pub fn multiply_adds(&self) -> u64 {
        (self.geometry.pairs() * self.view.inputs * self.view.outputs * self.view.groups) as u64
    }
}

/// A function of each number, in a pass of its own.
fn each(isa: Isa, y: &mut [f32], function: Pointwise) {
    const PIECE: usize = 8192;
    for_each_piece(y, PIECE, |_, y| function(isa, y));
}

/// The weights at Winograd's points, in room that layers of the same widths share.
fn transformed<'a>(
    winograd: &Winograd,
    rooms: &'a mut Vec<((usize, usize, Direction), winograd::Weights)>,
    pack: &Pack,
    weight: &[f32],
    direction: Direction,
) -> &'a winograd::Weights {
    let key = (pack.inputs, pack.outputs, direction);
    let at = rooms.iter().position(|(k, _)| *k == key).unwrap_or_else(|| {
        rooms.push((key, winograd.weights(direction)));
        rooms.len() - 1
    });
    let points = &mut rooms[at].1;
    points.transform(pack, weight);
    points
}
