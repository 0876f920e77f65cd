//! Layers of many channels and few tiles: weights at the 36 points, four times as many numbers as taps, would go through main memory
//! for little use. Here they never leave a thread's second-level cache: a block of them is transformed, multiplied with all tiles and
//! forgotten; gradients are summed for a block of weights at all points and taken back to the taps at once.

use std::{marker::PhantomData, ops::Range};

use super::{
    Job, Workspace,
    gradient::WeightGradient,
    panels::{LINE, POINTS, Panels},
    products::{OuterProduct, Product, register_tile},
    split::gather,
    tiles::Scatter,
    transform,
    weights::{Direction, PointLayout, TransformGradient, TransformWeights, check},
};
use crate::{
    isa::Isa,
    layout::Pack,
    threads::{Shared, for_each_worker, part},
};

/// Numbers at the points from which on they are not worth keeping: more than a last-level cache has beside the tiles.
const LARGE: usize = (16 << 20) / size_of::<f32>();
/// Tiles for which transforming a weight pays, as measured against direct convolution on Zen 5.
pub(super) const FEWEST_ROWS: usize = 16;
/// Tiles whose products fit a second-level cache beside a block of weights.
pub(super) const MOST_ROWS: usize = 128;
/// Inputs of a block of weights.
const BLOCK: usize = 32;
/// Inputs of a block of gradients, which has its cache for itself.
const GRADIENT_BLOCK: usize = 64;

/// Whether a layer has so many weights.
pub(super) fn fits(isa: Isa, layout: &PointLayout) -> bool {
    register_tile(isa).is_some() && layout.len() >= LARGE
}

/// Blocks of inputs.
fn blocks(inputs: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    (0..inputs).step_by(most).map(move |start| start..inputs.min(start + most))
}

/// Taps to transform, in the order of `pack`, for one direction.
pub struct TapWeights<'a> {
    pub pack: &'a Pack,
    pub packed: &'a [f32],
    pub direction: Direction,
}

impl TapWeights<'_> {
    /// # Panics
    /// When these are the weights of another layer.
    pub(super) fn expect(&self, layout: PointLayout) {
        check(self.pack, layout, self.packed.len());
    }
}

pub(super) fn run(job: &Job, layout: PointLayout, taps: &TapWeights, y: &mut [f32], workspace: &mut Workspace) {
    let (all, threads) = (job.tiling.rows(), rayon::current_num_threads());
    let chunks = all.div_ceil(MOST_ROWS);
    (0..chunks).for_each(|i| run_chunk(job, layout, taps, part(all, i, chunks), threads, y, workspace));
}

fn run_chunk(
    job: &Job,
    layout: PointLayout,
    taps: &TapWeights,
    chunk: Range<usize>,
    threads: usize,
    y: &mut [f32],
    workspace: &mut Workspace,
) {
    let rows = chunk.len();
    let inputs = Panels::new(rows, layout.depth(), LINE);
    let products = Panels::new(rows, layout.columns, layout.columns);
    // A block's points, padded as a whole layer's are.
    let block = PointLayout { inputs: BLOCK, ..layout };
    let each = POINTS * block.stride() + products.len();
    let (transformed, scratch) = workspace.of(inputs.len() + threads * each).split_at_mut(inputs.len());
    let (from, scratch, y) = (Shared::new(transformed), Shared::new(scratch), Shared::new(y));
    let input = PhantomData::<transform::Input>;
    gather(job.isa, input, job.tiling, job.x, layout.inputs, job.zeros, chunk.clone(), inputs, from);
    for_each_worker(layout.panels(), |worker, panel| {
        // SAFETY: each worker has its own scratch.
        let scratch = unsafe { scratch.slice(worker * each..(worker + 1) * each) };
        let (points, sums) = scratch.split_at_mut(POINTS * block.stride());
        // Lanes beyond the layer's outputs and inputs beyond its own are never written.
        points.fill(0.0);
        for some in blocks(layout.inputs, BLOCK) {
            job.isa.run(TransformWeights {
                pack: taps.pack,
                packed: taps.packed,
                layout: block,
                panel,
                inputs: some.clone(),
                turned: taps.direction == Direction::InputGradient,
                // Inputs count from the layer's first.
                to: points.as_mut_ptr().wrapping_sub(some.start * layout.columns),
            });
            for point in 0..POINTS {
                // SAFETY: tiles were transformed by a loop that has ended; panels and points are as long as their layouts say.
                unsafe {
                    let product = Product {
                        from: from.pointer(point * inputs.stride() + inputs.panel(some.start / LINE)),
                        panel: inputs.panel(1),
                        rows,
                        depth: some.len().next_multiple_of(LINE),
                        columns: layout.columns,
                        weights: points[point * block.stride()..].as_ptr(),
                        to: sums[point * products.stride()..].as_mut_ptr(),
                        accumulate: some.start > 0,
                    };
                    product.run_on(job.isa);
                }
            }
        }
        job.isa.run(Scatter {
            tiling: job.tiling,
            panels: products,
            first: 0,
            from: sums.as_ptr(),
            rows: chunk.clone(),
            columns: layout.outputs_of(panel),
            channels: layout.outputs,
            // SAFETY: each panel has its own channels of y.
            map: unsafe { y.pointer(0) },
            epilogue: job.epilogue,
        });
    });
}

/// The gradient to the weights in the order of `pack`, stored or added.
pub(super) fn weight_gradient(
    gradient: &WeightGradient,
    pack: &Pack,
    dw: &mut [f32],
    accumulate: bool,
    workspace: &mut Workspace,
) {
    let WeightGradient { isa, tiling, zeros, x, dy, layout } = *gradient;
    let (rows, threads) = (tiling.rows(), rayon::current_num_threads());
    check(pack, layout, dw.len());
    let (inputs, gradients) = gradient.panels(rows);
    let block = PointLayout { inputs: GRADIENT_BLOCK, ..layout };
    let each = POINTS * block.stride();
    let scratch = workspace.of(inputs.len() + gradients.len() + threads * each);
    let (transformed, scratch) = scratch.split_at_mut(inputs.len());
    let (spread, scratch) = scratch.split_at_mut(gradients.len());
    let (from, spread, scratch, dw) =
        (Shared::new(transformed), Shared::new(spread), Shared::new(scratch), Shared::new(dw));
    let (input, output) = (PhantomData::<transform::Input>, PhantomData::<transform::OutputGradient>);
    gather(isa, input, tiling, x, layout.inputs, zeros, 0..rows, inputs, from);
    gather(isa, output, tiling, dy, layout.outputs, zeros, 0..rows, gradients, spread);
    let count = layout.inputs.div_ceil(GRADIENT_BLOCK);
    for_each_worker(layout.panels() * count, |worker, task| {
        let (panel, start) = (task / count, task % count * GRADIENT_BLOCK);
        let some = start..layout.inputs.min(start + GRADIENT_BLOCK);
        // SAFETY: each worker has its own scratch.
        let sums = unsafe { scratch.slice(worker * each..(worker + 1) * each) };
        for point in 0..POINTS {
            // SAFETY: tiles were transformed by loops that have ended; panels and sums are as long as their layouts say.
            unsafe {
                let product = OuterProduct {
                    from: from.pointer(point * inputs.stride() + inputs.at(0, some.start)),
                    row: inputs.width,
                    panel: inputs.panel(1),
                    rows,
                    depth: some.len(),
                    columns: layout.columns,
                    gradient: spread.pointer(point * gradients.stride() + gradients.panel(panel)),
                    to: sums[point * block.stride()..].as_mut_ptr(),
                    accumulate: false,
                };
                product.run_on(isa);
            }
        }
        // SAFETY: each task has its own inputs and outputs.
        let to = unsafe { dw.pointer(0) };
        let from = sums.as_mut_ptr().wrapping_sub(some.start * layout.columns);
        isa.run(TransformGradient { pack, layout: block, panel, inputs: some, accumulate, from, to });
    });
}
