//! Winograd convolution F(4×4, 3×3): 36 products a tile in place of 144, for 3×3 kernels of stride 1 and padding 1, in f32.
//! From Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016); errors against direct sums are about ten times larger (see `tests.rs`).
//! Read next: `transform.rs` (the maths), `tiles.rs` (memory in and out), `products.rs` (where the time goes).

mod fused;
mod gradient;
mod panels;
mod products;
mod split;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;
mod weights;
mod wide;

pub use panels::POINTS;
pub use weights::{Direction, Weights};
pub use wide::TapWeights;

use self::{
    gradient::WeightGradient,
    panels::LINE,
    products::{RegisterTile, register_tile},
    tiles::{TILE, Tiling},
    weights::PointLayout,
};
use super::{ConvShape, Epilogue, Source};
use crate::{aligned::Aligned, isa::Isa, layout::Pack};

/// Tiles × samples that pay for transforming weights which change with every step: 36 values are written for 9.
const ROWS_THAT_PAY: usize = 64;

/// Scratch memory for transformed tiles; it grows to what the largest layer needs and is then reused.
#[derive(Default)]
pub struct Workspace(Aligned);

impl Workspace {
    /// Numbers that it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn of(&mut self, length: usize) -> &mut [f32] {
        self.0.reserve(length);
        &mut self.0[..length]
    }
}

/// A 3×3 convolution of stride 1 and padding 1, for any batch size.
pub struct Winograd {
    isa: Isa,
    height: usize,
    width: usize,
    inputs: usize,
    outputs: usize,
    /// What tiles read outside the map.
    zeros: Aligned,
}

/// What one product needs, forward or backward.
struct Job<'a> {
    isa: Isa,
    tiling: Tiling,
    zeros: &'a [f32],
    x: &'a [f32],
    epilogue: Epilogue<'a>,
}

impl Winograd {
    /// Whether a layer is of the kind that this computes: 3×3, stride 1, padding 1, one group, a map of at least 4×4.
    pub fn fits(shape: &ConvShape) -> bool {
        let w = &shape.window;
        (w.kernel, w.stride, w.padding, w.dilation) == ([3, 3], [1, 1], [1, 1], [1, 1])
            && shape.groups == 1
            && shape.source == Source::Maps
            && shape.input.height >= TILE
            && shape.input.width >= TILE
    }

    /// The layer of this shape; none where it does not [fit](Self::fits).
    pub fn new(isa: Isa, shape: &ConvShape) -> Option<Winograd> {
        Self::fits(shape).then(|| {
            let (inputs, outputs) = (shape.input.channels, shape.output.channels);
            let zeros = Aligned::zeros(inputs.max(outputs).next_multiple_of(LINE));
            Winograd { isa, height: shape.input.height, width: shape.input.width, inputs, outputs, zeros }
        })
    }

    fn layout(&self, inputs: usize, outputs: usize) -> PointLayout {
        let columns = match register_tile(self.isa) {
            Some(RegisterTile { columns, .. }) => columns,
            // The gemm crate takes all outputs at once.
            None => outputs.next_multiple_of(LINE),
        };
        PointLayout { inputs, outputs, columns }
    }

    /// Whether weights are transformed by each product, block by block, and never kept.
    pub fn takes_taps(&self) -> bool {
        wide::fits(self.isa, &self.layout(self.inputs, self.outputs))
    }

    /// Tiles × samples from which on this beats a direct kernel; `frozen`: the weights stay as they are.
    pub fn fewest_rows(&self, frozen: bool) -> usize {
        match (self.takes_taps(), frozen) {
            (true, _) => wide::FEWEST_ROWS,
            (false, true) => 1,
            (false, false) => ROWS_THAT_PAY,
        }
    }

    /// Room for transformed weights, all zero at first: see [`Weights::transform`].
    pub fn weights(&self, direction: Direction) -> Weights {
        Weights::new(self.isa, direction, self.layout_of(direction))
    }

    fn layout_of(&self, direction: Direction) -> PointLayout {
        match direction {
            Direction::Forward => self.layout(self.inputs, self.outputs),
            Direction::InputGradient => self.layout(self.outputs, self.inputs),
        }
    }

    fn tiling(&self, n: usize) -> Tiling {
        Tiling { height: self.height, width: self.width, n }
    }

    /// `y = epilogue(x ∗ weights)` for n samples; `x` is `[h, w, n, inputs]`, `y` is `[h, w, n, outputs]`.
    ///
    /// # Panics
    /// When a slice is too short, or when `weights` are not of this layer for [`Direction::Forward`].
    pub fn forward(
        &self,
        x: &[f32],
        weights: &Weights,
        y: &mut [f32],
        n: usize,
        epilogue: Epilogue,
        workspace: &mut Workspace,
    ) {
        weights.expect(Direction::Forward, self.layout_of(Direction::Forward));
        self.product(x, weights, y, n, epilogue, workspace);
    }

    /// The gradient to the input, `[h, w, n, inputs]` from `[h, w, n, outputs]`, stored or added.
    ///
    /// # Panics
    /// When a slice is too short, or when `weights` are not of this layer for [`Direction::InputGradient`].
    pub fn input_gradient(
        &self,
        dy: &[f32],
        weights: &Weights,
        dx: &mut [f32],
        n: usize,
        accumulate: bool,
        workspace: &mut Workspace,
    ) {
        weights.expect(Direction::InputGradient, self.layout_of(Direction::InputGradient));
        self.product(dy, weights, dx, n, Epilogue::product(accumulate), workspace);
    }

    /// The gradient to the weights in the order of `pack`, stored or added.
    ///
    /// # Panics
    /// When a slice is too short, or when `pack` is not of this layer.
    #[expect(clippy::too_many_arguments, reason = "two maps, a pack and its values, as a gradient to weights has")]
    pub fn weight_gradient(
        &self,
        x: &[f32],
        dy: &[f32],
        pack: &Pack,
        dw: &mut [f32],
        n: usize,
        accumulate: bool,
        workspace: &mut Workspace,
    ) {
        let gradient = self.gradient(x, dy, n);
        if self.takes_taps() && self.tiling(n).rows() <= wide::MOST_ROWS {
            return wide::weight_gradient(&gradient, pack, dw, accumulate, workspace);
        }
        let points = gradient.run(workspace);
        weights::gradient_to_taps(self.isa, gradient.layout, points, pack, dw, accumulate);
    }

    fn gradient<'a>(&'a self, x: &'a [f32], dy: &'a [f32], n: usize) -> WeightGradient<'a> {
        let positions = self.height * self.width * n;
        assert!(x.len() >= positions * self.inputs && dy.len() >= positions * self.outputs, "maps are too short");
        let layout = self.layout(self.inputs, self.outputs);
        WeightGradient { isa: self.isa, tiling: self.tiling(n), zeros: &self.zeros, x, dy, layout }
    }

    /// `y = epilogue(x ∗ taps)`, or the gradient to the input from dy, without weights at the points: see [`takes_taps`](Self::takes_taps).
    ///
    /// # Panics
    /// When a slice is too short, or when the taps are not of this layer and direction.
    pub fn product_of_taps(
        &self,
        x: &[f32],
        taps: &TapWeights,
        y: &mut [f32],
        n: usize,
        epilogue: Epilogue,
        workspace: &mut Workspace,
    ) {
        let layout = self.layout_of(taps.direction);
        taps.expect(layout);
        wide::run(&self.job(layout, x, y, n, epilogue), layout, taps, y, workspace);
    }

    fn product(
        &self,
        x: &[f32],
        weights: &Weights,
        y: &mut [f32],
        n: usize,
        epilogue: Epilogue,
        workspace: &mut Workspace,
    ) {
        let job = self.job(weights.layout, x, y, n, epilogue);
        match fused::rows_of_a_block(self.isa, &weights.layout) {
            Some(rows) => fused::run(&job, weights, rows, y, workspace),
            None => split::run(&job, weights, y, workspace),
        }
    }

    fn job<'a>(&'a self, layout: PointLayout, x: &'a [f32], y: &[f32], n: usize, epilogue: Epilogue<'a>) -> Job<'a> {
        let positions = self.height * self.width * n;
        assert!(x.len() >= positions * layout.inputs && y.len() >= positions * layout.outputs, "maps are too short");
        assert!(epilogue.bias.is_none_or(|b| b.len() >= layout.outputs), "one bias an output");
        assert!(epilogue.residual.is_none_or(|r| r.len() >= positions * layout.outputs), "a residual like the output");
        Job { isa: self.isa, tiling: self.tiling(n), zeros: &self.zeros, x, epilogue }
    }
}
