//! Gradients to weights at the 36 points: `Σ over tiles of (Bᵀ·x·B)ᵀ · (A·dy·Aᵀ)`, then Gᵀ back to the taps.
//! With few channels a thread keeps the sums of a slice of inputs in its second-level cache and transforms the tiles beside them;
//! with many, chunks of transformed tiles go through the last-level cache, and threads share the points.

use std::{
    marker::PhantomData,
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    Workspace,
    panels::{LINE, POINTS, Panels},
    products::{OuterProduct, register_tile},
    split::{chunks, gather, rows_of_a_chunk},
    tiles::{Gather, Tiling},
    transform,
    weights::PointLayout,
};
use crate::{
    isa::Isa,
    threads::{Shared, for_each, for_each_piece, part},
};

/// Rows that an outer product takes at once.
const ROWS_OF_AN_OUTER_PRODUCT: usize = 512;
/// Numbers of the sums of a slice of inputs, which stay in cache.
const SUMS: usize = (320 << 10) / size_of::<f32>();
/// Numbers of the tiles that are transformed beside them.
const TILES: usize = (512 << 10) / size_of::<f32>();
/// Inputs below which a slice is not worth transforming all outputs again.
const FEWEST_INPUTS: usize = 32;
/// Rows that are worth sums of their own.
const ROWS_OF_A_PART: usize = 256;
/// More parts cost more to add up than they give threads to do.
const MOST_PARTS: usize = 8;

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
        match self.inputs_of_a_slice() {
            Some(inputs) if self.tiling.rows() >= 2 * ROWS_OF_A_PART => self.run_fused(inputs, workspace),
            _ => self.run_split(workspace),
        }
    }

    /// Outputs with their padding.
    fn outputs(&self) -> usize {
        self.layout.panels() * self.layout.columns
    }

    /// How many inputs' sums stay in cache; none where these are too few or products go through `gemm`, which wants many rows.
    fn inputs_of_a_slice(&self) -> Option<usize> {
        register_tile(self.isa)?;
        let depth = self.layout.depth();
        let inputs = SUMS / (POINTS * self.outputs()) / LINE * LINE;
        (inputs >= FEWEST_INPUTS.min(depth)).then_some(inputs.min(depth))
    }

    fn panels(&self, rows: usize, inputs: usize) -> (Panels, Panels) {
        (Panels::new(rows, inputs, inputs), Panels::new(rows, self.outputs(), self.layout.columns))
    }

    /// Parts of rows × slices of inputs; both are cut by shape alone, so that the bits do not depend on the number of threads.
    fn run_fused<'w>(&self, inputs: usize, workspace: &'w mut Workspace) -> &'w mut [f32] {
        let (layout, rows, threads) = (self.layout, self.tiling.rows(), rayon::current_num_threads());
        let slices = layout.depth().div_ceil(inputs);
        let parts = (rows / ROWS_OF_A_PART).clamp(1, MOST_PARTS);
        let rows_of_a_block = (TILES / (POINTS * (inputs + self.outputs()))).max(1);
        let (x, dy) = self.panels(rows_of_a_block, inputs);
        let each = x.len() + dy.len();
        let (sums, scratch) = workspace.of(parts * layout.len() + threads * each).split_at_mut(parts * layout.len());
        let (shared, scratch) = (Shared::new(sums), Shared::new(scratch));
        let next = AtomicUsize::new(0);
        for_each(threads, |worker| {
            loop {
                let task = next.fetch_add(1, Ordering::Relaxed);
                if task >= parts * slices {
                    break;
                }
                let (of_rows, slice) = (task / slices, task % slices);
                let inputs = slice * inputs..layout.inputs.min((slice + 1) * inputs);
                let rows = part(rows, of_rows, parts);
                // SAFETY: each worker has its own scratch; each task its own inputs of its part's sums.
                unsafe {
                    let scratch = scratch.slice(worker * each..(worker + 1) * each);
                    let sums = shared.pointer(of_rows * layout.len());
                    self.add_up(rows, rows_of_a_block, inputs, sums, scratch);
                }
            }
        });
        let (total, others) = sums.split_at_mut(layout.len());
        let others = &*others;
        for_each_piece(total, layout.stride(), |piece, total| {
            for other in others.chunks_exact(layout.len()) {
                let start = piece * layout.stride();
                total.iter_mut().zip(&other[start..start + layout.stride()]).for_each(|(sum, value)| *sum += value);
            }
        });
        total
    }

    /// The sums of some inputs over some rows, block by block.
    ///
    /// # Safety
    /// `sums` has the layout's length; no one else touches these inputs in it.
    unsafe fn add_up(
        &self,
        rows: Range<usize>,
        rows_of_a_block: usize,
        inputs: Range<usize>,
        sums: *mut f32,
        scratch: &mut [f32],
    ) {
        let layout = self.layout;
        for start in rows.clone().step_by(rows_of_a_block) {
            let block = start..rows.end.min(start + rows_of_a_block);
            let (x, dy) = self.panels(block.len(), inputs.len().next_multiple_of(LINE));
            let (transformed, spread) = scratch.split_at_mut(x.len());
            self.isa.run(Gather {
                transform: PhantomData::<transform::Input>,
                tiling: self.tiling,
                map: self.x,
                channels: layout.inputs,
                columns: inputs.clone(),
                zeros: self.zeros,
                rows: block.clone(),
                panels: x,
                first: 0,
                to: transformed.as_mut_ptr(),
            });
            self.isa.run(Gather {
                transform: PhantomData::<transform::OutputGradient>,
                tiling: self.tiling,
                map: self.dy,
                channels: layout.outputs,
                columns: 0..layout.outputs,
                zeros: self.zeros,
                rows: block.clone(),
                panels: dy,
                first: 0,
                to: spread.as_mut_ptr(),
            });
            for panel in 0..layout.panels() {
                for point in 0..POINTS {
                    // SAFETY: the panels and sums are as long as their layouts say; the caller keeps others away.
                    unsafe {
                        let product = OuterProduct {
                            from: transformed[point * x.stride()..].as_ptr(),
                            row: x.width,
                            rows: block.len(),
                            depth: inputs.len(),
                            columns: layout.columns,
                            gradient: spread[point * dy.stride() + dy.panel(panel)..].as_ptr(),
                            to: sums.add(layout.at(panel, point) + inputs.start * layout.columns),
                            accumulate: start > rows.start,
                        };
                        product.run_on(self.isa);
                    }
                }
            }
        }
    }

    fn run_split<'w>(&self, workspace: &'w mut Workspace) -> &'w mut [f32] {
        let (layout, rows) = (self.layout, self.tiling.rows());
        let (depth, outputs) = (layout.depth(), self.outputs());
        let (inputs, gradients) = self.panels(rows_of_a_chunk(rows, depth + outputs), depth);
        let scratch = workspace.of(layout.len() + inputs.len() + gradients.len());
        let (points, scratch) = scratch.split_at_mut(layout.len());
        let (transformed, spread) = scratch.split_at_mut(inputs.len());
        for chunk in chunks(rows, depth + outputs) {
            let (inputs, gradients) = self.panels(chunk.len(), depth);
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
