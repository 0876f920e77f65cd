//! The gradient to the weights: `dw[tap][input × output] = Σ over rows xᵀ · dy`, in tiles of inputs × outputs that run down the rows.
//! Rows go in chunks that stay in L2 while all taps pass over them; SGD can be done on the finished tile, before it leaves the registers.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::tile::ROWS_OF_32;
use super::{
    register_tile,
    step::{Sgd, step},
    tile::ROWS_OF_16,
};
use crate::{
    cache,
    conv::{
        Convolution, FusedStep,
        rows::{self, Strip},
    },
    isa::{Isa, Kernel, Lanes},
    layout::Pack,
    threads::{Shared, for_each, for_each_piece, part},
};

/// Rows of a chunk. Taps outermost would stream x and dy from L3 once a tap: 15 % slower with large maps.
const CHUNK: usize = 512;
/// Rows of a chunk whose columns of dy are copied together.
#[cfg(target_arch = "x86_64")]
const COPIED_CHUNK: usize = 192;
/// Rows of a chunk at the least: each one loads and stores the sums.
const FEWEST_ROWS: usize = 64;

/// Rows of a chunk, and whether a task first copies its columns of dy: rows of dy lie a power of two apart and throw each other out of
/// a first-level cache of 32 KiB, and a tile of six inputs reads them again for every six (Zen 3: 55 → 71 GFLOP/s for 512 inputs,
/// 75 → 96 for 128). The taller tile of AVX-512 reads them half as often. Several blocks of outputs share the rows of x, which then stay
/// in half of the second-level cache together with theirs.
fn chunk(isa: Isa, pack: &Pack, columns: usize) -> (usize, bool) {
    let (most, copies) = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => (COPIED_CHUNK, true),
        _ => (CHUNK, false),
    };
    let row = size_of::<f32>() * pack.groups * (pack.inputs + pack.outputs);
    let together = (cache::second_level() / 2 / row).clamp(FEWEST_ROWS, most);
    (if columns > 1 { together } else { most }, copies)
}

/// Parts of the rows, each with sums of its own, where rows are many and weights are few.
const ROW_PARTS: usize = 16;
/// From so many rows on: fewer stay in cache with whatever reads them twice.
const MANY_ROWS: usize = 1 << 14;
/// Up to so many weights.
const FEW_WEIGHTS: usize = 1 << 16;
/// Weights of a task that adds the parts up.
const PIECE: usize = 4096;

/// Adds to (or stores in) `dw` in the order of `conv.view`; with `step`, if the answer is true, the weights are stepped and `dw` is undefined.
pub fn weight_gradient(
    conv: &Convolution,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    n: usize,
    accumulate: bool,
    step: Option<FusedStep>,
) -> bool {
    let Some(tile) = register_tile(conv.isa) else { return false };
    let (pack, side) = (&conv.view, conv.source_rows(n));
    let strips: Vec<Vec<Strip>> =
        conv.geometry.meetings.iter().map(|m| rows::strips(m, n, conv.geometry.step, side)).collect();
    check(pack, &strips, x.len(), dy.len());
    assert!(dw.len() >= pack.len());
    let mut job = Job { isa: conv.isa, pack, strips: &strips, x, dy, step: None };
    let rows = conv.shape.output.positions() * n;
    if rows >= MANY_ROWS && pack.len() <= FEW_WEIGHTS {
        job.in_row_parts(rows, dw, accumulate);
        return false;
    }
    let stepped = step.is_some();
    job.step = step.map(|step| {
        assert!(step.weight.len() >= pack.len() && step.moment.len() >= pack.len());
        (step.sgd, Shared::new(step.weight), Shared::new(step.moment))
    });
    let dw = Shared::new(dw);
    let pieces = pack.inputs.div_ceil(tile.rows);
    let columns = pack.groups * pack.blocks();
    let (input_parts, tap_parts) = parts(columns, pieces, pack.taps);
    for_each(columns * input_parts * tap_parts, |task| {
        let (column, rest) = (task / (input_parts * tap_parts), task % (input_parts * tap_parts));
        let inputs = part(pack.inputs, rest / tap_parts, input_parts);
        let taps = part(pack.taps, rest % tap_parts, tap_parts);
        // SAFETY: each (inputs, outputs, tap) is one task's.
        unsafe { job.sum(0..rows, column..column + 1, inputs, taps, dw, accumulate) };
    });
    stepped
}

/// What tasks share.
struct Job<'a> {
    isa: Isa,
    pack: &'a Pack,
    /// By tap.
    strips: &'a [Vec<Strip>],
    x: &'a [f32],
    dy: &'a [f32],
    /// Instead of storing a gradient.
    step: Option<(Sgd, Shared<'a>, Shared<'a>)>,
}

impl Job<'_> {
    /// Both maps are read from memory once, and not for every block of outputs and part of the inputs again; their number is fixed, so
    /// that the bits do not depend on the number of threads.
    fn in_row_parts(&self, rows: usize, dw: &mut [f32], accumulate: bool) {
        let (pack, weights) = (self.pack, self.pack.len());
        let mut sums = vec![0.0; ROW_PARTS * weights];
        let shared = Shared::new(&mut sums);
        for_each(ROW_PARTS, |i| {
            // SAFETY: each task has its own sums.
            unsafe {
                let sums = Shared::new(shared.slice(i * weights..(i + 1) * weights));
                let columns = 0..pack.groups * pack.blocks();
                self.sum(part(rows, i, ROW_PARTS), columns, 0..pack.inputs, 0..pack.taps, sums, true);
            }
        });
        for_each_piece(&mut dw[..weights], PIECE, |piece, dw| {
            for (i, value) in (piece * PIECE..).zip(dw) {
                let sum: f32 = (0..ROW_PARTS).map(|part| sums[part * weights + i]).sum();
                *value = if accumulate { *value + sum } else { sum };
            }
        });
    }

    /// Sums over `rows` of the output's map for some blocks of outputs (counted over all groups), inputs and taps.
    ///
    /// # Safety
    /// No one else touches these weights, and `to` holds the pack.
    unsafe fn sum(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        inputs: Range<usize>,
        taps: Range<usize>,
        to: Shared,
        accumulate: bool,
    ) {
        let pack = self.pack;
        let (most, copies) = chunk(self.isa, pack, columns.len());
        let channels = pack.groups * pack.outputs;
        let mut cursors = vec![Cursor::default(); pack.taps];
        let mut pairs = vec![Vec::new(); pack.taps];
        if rows.start > 0 {
            taps.clone().for_each(|tap| cursors[tap].advance(&self.strips[tap], rows.start, &mut pairs[tap]));
        }
        let mut fresh = vec![true; pack.taps];
        let mut copy = vec![0.0; if copies { most.min(rows.len()) * pack.block } else { 0 }];
        for chunk in rows.clone().step_by(most).map(|start| start..rows.end.min(start + most)) {
            for tap in taps.clone() {
                cursors[tap].advance(&self.strips[tap], chunk.end, &mut pairs[tap]);
            }
            for column in columns.clone() {
                let (group, block) = (column / pack.blocks(), column % pack.blocks());
                let (outputs, width) = (pack.outputs_of(block), pack.width(block));
                let first = group * pack.outputs + outputs.start;
                // (where row 0 is or would be, values from a row to the next, columns)
                let (dy, row, columns) = if copies {
                    for (to, row) in copy.chunks_exact_mut(width).zip(chunk.clone()) {
                        let (to, padding) = to.split_at_mut(outputs.len());
                        to.copy_from_slice(&self.dy[row * channels + first..][..outputs.len()]);
                        padding.fill(0.0);
                    }
                    (copy.as_ptr().wrapping_sub(chunk.start * width), width, width)
                } else {
                    (self.dy[first..].as_ptr(), channels, outputs.len())
                };
                for tap in taps.clone() {
                    let (strips, pairs) = (&self.strips[tap], &pairs[tap]);
                    let done = cursors[tap].next == strips.len();
                    // One without any rows still has a gradient (of zero) and a step, unless its steps are postponed (see
                    // `Convolution::dead`); nothing more comes for a finished one.
                    let empty = strips.is_empty() && self.step.is_none() && chunk.start == rows.start;
                    if pairs.is_empty() && !empty {
                        continue;
                    }
                    let at = pack.start(group, block) + (tap * pack.inputs + inputs.start) * width;
                    // SAFETY: `check` has seen that all strips lie in their slices; the weights are the caller's.
                    unsafe {
                        OuterProduct {
                            pairs,
                            x: self.x.as_ptr().add(group * pack.inputs + inputs.start),
                            dy,
                            row,
                            inputs: inputs.len(),
                            columns,
                            to: to.pointer(at),
                            accumulate: accumulate || !fresh[tap],
                            step: self
                                .step
                                .filter(|_| done)
                                .map(|(sgd, weight, moment)| (sgd, weight.pointer(at), moment.pointer(at))),
                        }
                        .run_on(self.isa);
                    }
                }
            }
            for tap in taps.clone() {
                fresh[tap] &= pairs[tap].is_empty();
            }
        }
    }
}

/// Into how many parts inputs and taps are cut so that the threads have even work: sums are not cut, so the bits stay.
fn parts(columns: usize, pieces: usize, taps: usize) -> (usize, usize) {
    let threads = rayon::current_num_threads();
    if threads == 1 || columns.is_multiple_of(threads) || columns >= 4 * threads {
        return (1, 1);
    }
    let wanted = (4 * threads).div_ceil(columns);
    let inputs = wanted.min(pieces);
    (inputs, wanted.div_ceil(inputs).min(taps))
}

/// Everything that the tiles reach through pointers is inside the slices.
fn check(pack: &Pack, strips: &[Vec<Strip>], x: usize, dy: usize) {
    assert_eq!(strips.len(), pack.taps);
    for strip in strips.iter().flatten().filter(|strip| strip.rows > 0) {
        assert!(strip.input + (strip.rows - 1) * strip.stride + pack.groups * pack.inputs <= x);
        assert!((strip.output + strip.rows) * pack.groups * pack.outputs <= dy);
    }
}

/// How far a tap's strips are worked off.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Cursor {
    next: usize,
    /// Rows of the next strip that are done.
    rows: usize,
}

impl Cursor {
    /// The parts of strips before output row `end`, which has not been reached before.
    fn advance(&mut self, strips: &[Strip], end: usize, pairs: &mut Vec<Strip>) {
        pairs.clear();
        while let Some(strip) = strips.get(self.next) {
            let start = strip.output + self.rows;
            if start >= end {
                break;
            }
            let rows = (strip.rows - self.rows).min(end - start);
            pairs.push(Strip { input: strip.input + self.rows * strip.stride, output: start, rows, ..*strip });
            self.rows += rows;
            if self.rows == strip.rows {
                *self = Self { next: self.next + 1, rows: 0 };
            }
        }
    }
}

#[derive(Clone, Copy)]
struct OuterProduct<'a> {
    pairs: &'a [Strip],
    x: *const f32,
    /// Where row 0 of dy is, or would be: only the pairs' rows are read.
    dy: *const f32,
    /// Values from a row of dy to the next.
    row: usize,
    inputs: usize,
    columns: usize,
    /// `[inputs][whole registers of columns]`
    to: *mut f32,
    accumulate: bool,
    /// Weights and momentum, laid out as `to`.
    step: Option<(Sgd, *mut f32, *mut f32)>,
}

impl OuterProduct<'_> {
    /// # Safety
    /// The pointers hold what the fields say; no one else touches `to` and the step's tensors there.
    unsafe fn run_on(self, isa: Isa) {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(token) if self.columns > 16 => token.vectorized(Tall::<2>(self)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(token) => token.vectorized(Tall::<1>(self)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(token) if self.columns > 8 => token.vectorized(Short::<2>(self)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(token) => token.vectorized(Short::<1>(self)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(token) if self.columns > 4 => token.vectorized(Short::<2>(self)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(token) => token.vectorized(Short::<1>(self)),
            Isa::Portable => {}
        }
    }

    /// Inputs `start…start + M`, V registers of columns of which the last has `last` real ones.
    ///
    /// # Safety
    /// As for [`run_on`](Self::run_on).
    #[inline(always)]
    unsafe fn tile<S: Lanes, const M: usize, const V: usize, const WHOLE: bool>(&self, lanes: S, start: usize) {
        let last = self.columns - (V - 1) * S::COUNT;
        // SAFETY: the caller's promise; only real columns of dy are read.
        unsafe {
            let to = |m: usize, v: usize| ((start + m) * V + v) * S::COUNT;
            let mut sums = [[lanes.zero(); V]; M];
            if self.accumulate {
                for m in 0..M {
                    for v in 0..V {
                        sums[m][v] = lanes.load(self.to.add(to(m, v)));
                    }
                }
            }
            for pair in self.pairs {
                let mut x = self.x.add(pair.input + start);
                let mut dy = self.dy.wrapping_add(pair.output * self.row);
                for _ in 0..pair.rows {
                    let mut columns = [lanes.zero(); V];
                    for v in 0..V {
                        let from = dy.add(v * S::COUNT);
                        columns[v] = if WHOLE || v + 1 < V { lanes.load(from) } else { lanes.load_first(last, from) };
                    }
                    for m in 0..M {
                        let value = lanes.splat(*x.add(m));
                        for v in 0..V {
                            sums[m][v] = lanes.mul_add(value, columns[v], sums[m][v]);
                        }
                    }
                    x = x.wrapping_add(pair.stride);
                    dy = dy.wrapping_add(self.row);
                }
            }
            for m in 0..M {
                for v in 0..V {
                    match self.step {
                        None => lanes.store(self.to.add(to(m, v)), sums[m][v]),
                        Some((sgd, weight, moment)) => {
                            step(lanes, &sgd, weight.add(to(m, v)), moment.add(to(m, v)), sums[m][v]);
                        }
                    }
                }
            }
        }
    }
}

/// As in `tile.rs`, over inputs.
macro_rules! input_tiles {
    ($(#[$doc:meta])* $name:ident, $most:expr, $($m:literal)*) => {
        $(#[$doc])*
        struct $name<'a, const V: usize>(OuterProduct<'a>);

        impl<const V: usize> Kernel for $name<'_, V> {
            type Output = ();
            #[inline(always)]
            fn run<S: Lanes>(self, lanes: S) {
                let whole = self.0.columns == V * S::COUNT;
                let pieces = self.0.inputs.div_ceil($most);
                let mut start = 0;
                for i in 0..pieces {
                    let inputs = (self.0.inputs - start).div_ceil(pieces - i);
                    match (inputs, whole) {
                        $(
                            // SAFETY: start…start + inputs are inside the product.
                            ($m, true) => unsafe { self.0.tile::<S, $m, V, true>(lanes, start) },
                            // SAFETY: as above.
                            ($m, false) => unsafe { self.0.tile::<S, $m, V, false>(lanes, start) },
                        )*
                        _ => unreachable!("pieces have at most as many inputs as the tile"),
                    }
                    start += inputs;
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
input_tiles! {
    /// For 32 registers.
    Tall, ROWS_OF_32, 1 2 3 4 5 6 7 8 9 10 11 12 13 14
}
input_tiles! {
    /// For 16 registers.
    Short, ROWS_OF_16, 1 2 3 4 5 6
}
