//! Layers of few channels: each thread transforms a block of tiles, multiplies and transforms back without leaving its second-level cache.
//! The scratch holds all 36 matrices of a block's inputs, but of its products only one panel of outputs.

use std::{marker::PhantomData, ops::Range};

use super::{
    Job, Workspace,
    panels::{LINE, POINTS, Panels},
    products::{Product, register_tile},
    tiles::{Gather, Scatter},
    transform,
    weights::{PointLayout, Weights},
};
use crate::{
    cache,
    isa::Isa,
    threads::{Shared, for_each_worker, part},
};

/// What the scratch of a thread may take, in numbers: five eighths of its second-level cache, as measured best on Zen 5 (of 1 MiB);
/// on Zen 3 (of 512 KiB) from 640 KiB to 320 the products gain 4 % (64 channels), 10 % (128) and 19 % (256).
fn budget() -> usize {
    cache::second_level() / 8 * 5 / size_of::<f32>()
}

/// Rows of tiles that fit the budget, in whole register tiles; none where not even one does or where products go through `gemm`.
pub(super) fn rows_of_a_block(isa: Isa, layout: &PointLayout) -> Option<usize> {
    let tile = register_tile(isa)?;
    let rows = budget() / (POINTS * (layout.depth() + layout.columns));
    (rows >= tile.rows).then_some(rows / tile.rows * tile.rows)
}

pub(super) fn run(job: &Job, weights: &Weights, rows_of_a_block: usize, y: &mut [f32], workspace: &mut Workspace) {
    let threads = rayon::current_num_threads();
    let rows = job.tiling.rows();
    let mut blocks = rows.div_ceil(rows_of_a_block);
    if blocks < 8 * threads {
        // Few blocks: the same number for each thread.
        blocks = blocks.next_multiple_of(threads);
    }
    let most = rows.div_ceil(blocks);
    let layout = &weights.layout;
    let (inputs, products) =
        (Panels::new(most, layout.depth(), LINE), Panels::new(most, layout.columns, layout.columns));
    let each = inputs.len() + products.len();
    let scratch = Shared::new(workspace.of(threads * each));
    let y = Shared::new(y);
    for_each_worker(blocks, |worker, block| {
        // SAFETY: each worker has its own scratch, each block its own tiles of y.
        unsafe {
            let scratch = scratch.slice(worker * each..(worker + 1) * each);
            run_block(job, weights, part(rows, block, blocks), y, scratch);
        }
    });
}

/// # Safety
/// No one else writes these rows' tiles of `y`.
unsafe fn run_block(job: &Job, weights: &Weights, rows: Range<usize>, y: Shared, scratch: &mut [f32]) {
    let layout = &weights.layout;
    let inputs = Panels::new(rows.len(), layout.depth(), LINE);
    let products = Panels::new(rows.len(), layout.columns, layout.columns);
    let (transformed, scratch) = scratch.split_at_mut(inputs.len());
    job.isa.run(Gather {
        transform: PhantomData::<transform::Input>,
        tiling: job.tiling,
        map: job.x,
        channels: layout.inputs,
        zeros: job.zeros,
        rows: rows.clone(),
        panels: inputs,
        first: 0,
        to: transformed.as_mut_ptr(),
    });
    for panel in 0..layout.panels() {
        for point in 0..POINTS {
            let product = Product {
                from: transformed[point * inputs.stride()..].as_ptr(),
                panel: inputs.panel(1),
                rows: rows.len(),
                depth: layout.depth(),
                columns: layout.columns,
                weights: weights.points[layout.at(panel, point)..].as_ptr(),
                to: scratch[point * products.stride()..].as_mut_ptr(),
                accumulate: false,
            };
            // SAFETY: the panels and the points are as long as their layouts say.
            unsafe { product.run_on(job.isa) };
        }
        job.isa.run(Scatter {
            tiling: job.tiling,
            panels: products,
            first: 0,
            from: scratch.as_ptr(),
            rows: rows.clone(),
            columns: layout.outputs_of(panel),
            channels: layout.outputs,
            // SAFETY: the caller's promise.
            map: unsafe { y.pointer(0) },
            epilogue: job.epilogue,
        });
    }
}
