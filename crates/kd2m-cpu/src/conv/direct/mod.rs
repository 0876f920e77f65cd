//! Direct convolution: a register tile of rows × outputs is kept over all taps, so an output is written once, with all that follows it.
//!
//! No im2col and no packing of activations: rows of `[h][w][n][c]` are read where they lie, taps that meet padding are not in the list.
//! Read next: `tile.rs` (forward and gradient to the input), `gradient.rs` (gradient to the weights), `step.rs`.

mod gradient;
mod step;
mod tile;

pub use gradient::weight_gradient;
pub use step::{Sgd, replay};

use super::{
    Convolution, Epilogue, each,
    rows::{self, Block, Side},
};
use crate::{
    cache,
    geometry::Run,
    isa::Isa,
    layout::Pack,
    threads::{Shared, for_each, part},
};
use tile::Product;

/// The register tile of an instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterTile {
    pub rows: usize,
    /// Columns of a full tile: two registers.
    pub columns: usize,
    /// Columns of one register.
    pub register: usize,
}

/// The tile that fills the registers: rows × 2 sums, two columns of weights and a broadcast.
pub fn register_tile(isa: Isa) -> Option<RegisterTile> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => Some(RegisterTile { rows: tile::ROWS_OF_32, columns: 32, register: 16 }),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => Some(RegisterTile { rows: tile::ROWS_OF_16, columns: 16, register: 8 }),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(_) => Some(RegisterTile { rows: tile::ROWS_OF_16, columns: 8, register: 4 }),
        Isa::Portable => None,
    }
}

/// Rows of a task: enough tiles to use a column block's weights again while they are in the nearest cache.
const TILES_OF_A_BLOCK: usize = 8;
/// Weights that stay in a second-level cache beside the activations; with more, each task keeps to one block of outputs and walks over
/// all rows.
fn weights_in_cache() -> usize {
    cache::second_level() / 8 * 5
}

pub fn forward(conv: &Convolution, x: &[f32], weight: &[f32], y: &mut [f32], n: usize, epilogue: Epilogue) {
    let (runs, side) = (&conv.geometry.forward, conv.source_rows(n));
    let job = Job { isa: conv.isa, runs, side, pack: &conv.view, x, weight, epilogue };
    job.run(y, n, conv.geometry.step);
}

/// `transposed` holds the weights in the order of `conv.view.transposed()`.
pub fn input_gradient(conv: &Convolution, dy: &[f32], transposed: &[f32], dx: &mut [f32], n: usize, accumulate: bool) {
    let (pack, side) = (conv.view.transposed(), Side::maps(n, conv.shape.output.channels));
    let (runs, epilogue) = (&conv.geometry.backward, Epilogue::product(accumulate));
    let job = Job { isa: conv.isa, runs, side, pack: &pack, x: dy, weight: transposed, epilogue };
    job.run(dx, n, 1);
}

struct Job<'a> {
    isa: Isa,
    runs: &'a [Run],
    /// How the rows of x lie.
    side: Side,
    pack: &'a Pack,
    x: &'a [f32],
    weight: &'a [f32],
    epilogue: Epilogue<'a>,
}

impl Job<'_> {
    fn run(&self, out: &mut [f32], n: usize, step: usize) {
        let Some(tile) = register_tile(self.isa) else { return };
        let blocks = rows::blocks(self.runs, n, step, self.side, tile.rows * TILES_OF_A_BLOCK);
        self.check(&blocks, out.len());
        let (groups, columns) = (self.pack.groups, self.pack.blocks());
        let y = Shared::new(out);
        if columns * self.bytes_of_a_block() <= weights_in_cache() && blocks.len() >= 4 * rayon::current_num_threads() {
            for_each(blocks.len(), |task| {
                for group in 0..groups {
                    for column in 0..columns {
                        self.block(&blocks[task], group, column, y);
                    }
                }
                if let Some(function) = self.epilogue.function {
                    let (block, channels) = (&blocks[task], groups * self.pack.outputs);
                    let rows = block.output * channels..(block.output + block.rows) * channels;
                    // SAFETY: the block's rows are this task's.
                    function(self.isa, unsafe { y.slice(rows) });
                }
            });
        } else {
            let wanted = 8 * rayon::current_num_threads();
            let parts = wanted.div_ceil(groups * columns).min(blocks.len());
            for_each(groups * columns * parts, |task| {
                let (column, piece) = (task / parts, part(blocks.len(), task % parts, parts));
                for block in &blocks[piece] {
                    self.block(block, column / columns, column % columns, y);
                }
            });
            if let Some(function) = self.epilogue.function {
                each(self.isa, out, function);
            }
        }
    }

    fn bytes_of_a_block(&self) -> usize {
        self.pack.taps * self.pack.inputs * self.pack.block * size_of::<f32>()
    }

    /// Everything that the tiles reach through pointers is inside the slices.
    fn check(&self, blocks: &[Block], outputs: usize) {
        let Pack { groups, inputs, outputs: columns, .. } = *self.pack;
        let channels = groups * columns;
        for block in blocks {
            let furthest = self.runs[block.run].taps.iter().map(|(position, _)| *position).max();
            if let Some(position) = furthest {
                let last = position * self.side.position + block.shift + (block.rows - 1) * block.stride;
                assert!(last + groups * inputs <= self.x.len());
            }
            assert!((block.output + block.rows) * channels <= outputs);
        }
        let taps = self.runs.iter().flat_map(|run| &run.taps).map(|(_, tap)| *tap).max();
        assert!(taps.is_none_or(|tap| tap < self.pack.taps) && self.weight.len() >= self.pack.len());
        assert!(self.epilogue.bias.is_none_or(|bias| bias.len() >= channels));
        assert!(self.epilogue.residual.is_none_or(|residual| residual.len() >= outputs));
    }

    fn block(&self, block: &Block, group: usize, column: usize, y: Shared) {
        let pack = self.pack;
        let outputs = pack.outputs_of(column);
        let first = group * pack.outputs + outputs.start;
        let channels = pack.groups * pack.outputs;
        let at = block.output * channels + first;
        let width = pack.width(column);
        // SAFETY: `check` has seen that rows, weights and outputs lie in their slices; each (rows, columns) is one task's.
        unsafe {
            Product {
                taps: &self.runs[block.run].taps,
                from: self.x.as_ptr().add(block.shift + group * pack.inputs),
                position: self.side.position,
                stride: block.stride,
                rows: block.rows,
                depth: pack.inputs,
                weights: self.weight.as_ptr().add(pack.start(group, column)),
                tap: pack.inputs * width,
                to: y.pointer(at),
                row: channels,
                columns: outputs.len(),
                accumulate: self.epilogue.accumulate,
                bias: self.epilogue.bias.map(|bias| bias.as_ptr().add(first)),
                residual: self.epilogue.residual.map(|residual| residual.as_ptr().add(at)),
                limits: self.epilogue.is_limited().then_some(self.epilogue.limits),
            }
            .run_on(self.isa);
        }
    }
}
