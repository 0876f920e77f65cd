//! Layers of many channels and the `gemm` path: three passes over a chunk of tiles, each over all threads.
//! In between the 36 matrices lie in the last-level cache; each transformed weight is read once a chunk.

use std::{marker::PhantomData, ops::Range};

use super::{
    Job, Workspace,
    panels::{LINE, POINTS, Panels},
    products::{Product, register_tile},
    tiles::{Gather, Patch, Scatter, Tiling},
    transform,
    weights::Weights,
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

/// Chunks of rows, as even as can be.
pub(super) fn chunks(rows: usize, channels: usize) -> impl Iterator<Item = Range<usize>> {
    let most = (BUDGET / (POINTS * channels)).max(FEWEST_ROWS);
    let count = rows.div_ceil(most);
    (0..count).map(move |i| part(rows, i, count))
}

/// The most rows that a chunk has.
pub(super) fn rows_of_a_chunk(rows: usize, channels: usize) -> usize {
    chunks(rows, channels).map(|chunk| chunk.len()).max().unwrap_or(0)
}

/// Transforms the tiles of some rows, on all threads.
#[expect(clippy::too_many_arguments, reason = "what a Gather holds")]
pub(super) fn gather<T, const SIDE: usize>(
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

pub(super) fn run(job: &Job, weights: &Weights, y: &mut [f32], workspace: &mut Workspace) {
    let layout = &weights.layout;
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
                    weights: weights.points[layout.at(panel, point)..].as_ptr(),
                    to: to.pointer(point * products.stride() + products.panel(panel)),
                    accumulate: false,
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
