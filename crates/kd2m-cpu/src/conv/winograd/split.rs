//! Layers of many channels, the `gemm` path and gradients to weights: three passes over a chunk of tiles, each over all threads.
//! In between the 36 matrices lie in the last-level cache; each transformed weight is read once a chunk.

use std::{marker::PhantomData, ops::Range};

use super::{
    Job, Workspace,
    panels::{LINE, POINTS, Panels},
    products::{OuterProduct, Product, register_tile},
    tiles::{Gather, Patch, Scatter, Tiling},
    transform,
    weights::PointLayout,
};
use crate::{
    isa::{Isa, Kernel},
    threads::{Shared, for_each, part},
};

/// Numbers of scratch for a chunk of tiles.
const BUDGET: usize = (6 << 20) / size_of::<f32>();
/// Rows below which reading the weights again costs more than leaving the cache.
const FEWEST_ROWS: usize = 128;
/// Rows of tiles that a task transforms.
const ROWS_OF_A_TASK: usize = 8;
/// Rows that an outer product takes at once.
const ROWS_OF_AN_OUTER_PRODUCT: usize = 512;

/// Chunks of rows, as even as can be.
fn chunks(rows: usize, channels: usize) -> impl Iterator<Item = Range<usize>> {
    let most = (BUDGET / (POINTS * channels)).max(FEWEST_ROWS);
    let count = rows.div_ceil(most);
    (0..count).map(move |i| part(rows, i, count))
}

/// The most rows that a chunk has.
fn rows_of_a_chunk(rows: usize, channels: usize) -> usize {
    chunks(rows, channels).map(|chunk| chunk.len()).max().unwrap_or(0)
}

/// Transforms the tiles of some rows, on all threads.
#[expect(clippy::too_many_arguments, reason = "what a Gather holds")]
fn gather<T, const SIDE: usize>(
    isa: Isa,
    transform: PhantomData<T>,
    tiling: Tiling,
    map: &[f32],
    channels: usize,
    zeros: &[f32],
    rows: Range<usize>,
    panels: Panels,
    to: Shared,
) where
    T: Patch<SIDE> + Sync,
    for<'a> Gather<'a, T>: Kernel<Output = ()>,
{
    for_each(rows.len().div_ceil(ROWS_OF_A_TASK), |task| {
        let first = task * ROWS_OF_A_TASK;
        let rows = rows.start + first..rows.end.min(rows.start + first + ROWS_OF_A_TASK);
        // SAFETY: each task has its own rows.
        let to = unsafe { to.pointer(0) };
        isa.run(Gather { transform, tiling, map, channels, zeros, rows, panels, first, to });
    });
}

pub(super) fn run(job: &Job, y: &mut [f32], workspace: &mut Workspace) {
    let layout = &job.weights.layout;
    let depth = layout.depth();
    let outputs = layout.panels() * layout.columns;
    // A register tile reads lines, `gemm` whole rows.
    let width = if register_tile(job.isa).is_some() { LINE } else { depth };
    let panels = |rows| (Panels::new(rows, depth, width), Panels::new(rows, outputs, layout.columns));
    let rows = job.tiling.rows();
    let (inputs, products) = panels(rows_of_a_chunk(rows, depth + outputs));
    let (transformed, multiplied) = workspace.of(inputs.len() + products.len()).split_at_mut(inputs.len());
    let y = Shared::new(y);
    for chunk in chunks(rows, depth + outputs) {
        let (inputs, products) = panels(chunk.len());
        let (from, to) = (Shared::new(transformed), Shared::new(multiplied));
        gather(
            job.isa,
            PhantomData::<transform::Input>,
            job.tiling,
            job.x,
            layout.inputs,
            job.zeros,
            chunk.clone(),
            inputs,
            from,
        );
        for_each(POINTS * layout.panels(), |task| {
            let (point, panel) = (task / layout.panels(), task % layout.panels());
            // SAFETY: each task writes its own panel; the panels and points are as long as their layouts say.
            unsafe {
                let product = Product {
                    from: from.pointer(point * inputs.stride()),
                    panel: inputs.panel(1),
                    rows: chunk.len(),
                    depth,
                    columns: layout.columns,
                    weights: job.weights.points[layout.at(panel, point)..].as_ptr(),
                    to: to.pointer(point * products.stride() + products.panel(panel)),
                };
                product.run_on(job.isa);
            }
        });
        for_each(chunk.len().div_ceil(ROWS_OF_A_TASK), |task| {
            let first = task * ROWS_OF_A_TASK;
            let rows = chunk.start + first..chunk.end.min(chunk.start + first + ROWS_OF_A_TASK);
            job.isa.run(Scatter {
                tiling: job.tiling,
                panels: products,
                first,
                // SAFETY: products are only read here; each task writes its own tiles.
                from: unsafe { to.pointer(0) },
                rows,
                columns: 0..layout.outputs,
                channels: layout.outputs,
                // SAFETY: as above.
                map: unsafe { y.pointer(0) },
                epilogue: job.epilogue,
            });
        });
    }
}

/// Gradients to weights at the 36 points: `Σ over tiles of (Bᵀ·x·B)ᵀ · (A·dy·Aᵀ)`.
pub(super) struct WeightGradient<'a> {
    pub isa: Isa,
    pub tiling: Tiling,
    pub zeros: &'a [f32],
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub layout: PointLayout,
}

impl WeightGradient<'_> {
    /// The gradients in the order of the layout, in the workspace.
    pub fn run<'w>(&self, workspace: &'w mut Workspace) -> &'w mut [f32] {
        let (layout, rows) = (self.layout, self.tiling.rows());
        let (depth, outputs) = (layout.depth(), layout.panels() * layout.columns);
        let panels = |rows| (Panels::new(rows, depth, depth), Panels::new(rows, outputs, layout.columns));
        let (inputs, gradients) = panels(rows_of_a_chunk(rows, depth + outputs));
        let scratch = workspace.of(layout.len() + inputs.len() + gradients.len());
        let (points, scratch) = scratch.split_at_mut(layout.len());
        let (transformed, spread) = scratch.split_at_mut(inputs.len());
        for chunk in chunks(rows, depth + outputs) {
            let (inputs, gradients) = panels(chunk.len());
            let (x, dy) = (Shared::new(transformed), Shared::new(spread));
            let to = Shared::new(points);
            let (isa, tiling, zeros) = (self.isa, self.tiling, self.zeros);
            gather(
                isa,
                PhantomData::<transform::Input>,
                tiling,
                self.x,
                layout.inputs,
                zeros,
                chunk.clone(),
                inputs,
                x,
            );
            let spread_by = PhantomData::<transform::OutputGradient>;
            gather(isa, spread_by, tiling, self.dy, layout.outputs, zeros, chunk.clone(), gradients, dy);
            for_each(POINTS * layout.panels(), |task| {
                let (point, panel) = (task / layout.panels(), task % layout.panels());
                let mut row = 0;
                while row < chunk.len() {
                    let rows = ROWS_OF_AN_OUTER_PRODUCT.min(chunk.len() - row);
                    // SAFETY: each task writes its own panel of its point; the panels are as long as their layouts say.
                    unsafe {
                        let product = OuterProduct {
                            from: x.pointer(point * inputs.stride() + inputs.at(row, 0)),
                            row: inputs.width,
                            rows,
                            depth: layout.inputs,
                            columns: layout.columns,
                            gradient: dy
                                .pointer(point * gradients.stride() + gradients.panel(panel) + row * layout.columns),
                            to: to.pointer(layout.at(panel, point)),
                            accumulate: chunk.start + row > 0,
                        };
                        product.run_on(isa);
                    }
                    row += rows;
                }
            });
        }
        points
    }
}
