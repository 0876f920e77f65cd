//! The gradient to the weights: `dw[tap][input × output] = Σ over rows xᵀ · dy`, in tiles of inputs × outputs that run down the rows.
//! Rows go in chunks that stay in L2 while all taps pass over them; SGD can be done on the finished tile, before it leaves the registers.

#[cfg(target_arch = "x86_64")]
use super::tile::ROWS_OF_32;
use super::{register_tile, tile::ROWS_OF_16};
use crate::{
    conv::{
        Convolution, FusedStep,
        rows::{self, Strip},
    },
    isa::{Isa, Kernel, Lanes},
    layout::Pack,
    threads::{Shared, for_each, part},
};

/// Rows of a chunk. Taps outermost would stream x and dy from L3 once a tap: 15 % slower with large maps.
const CHUNK: usize = 512;
/// Rows of a chunk whose columns of dy are copied together.
#[cfg(target_arch = "x86_64")]
const COPIED_CHUNK: usize = 192;

/// Rows of a chunk, and whether a task first copies its columns of dy: rows of dy lie a power of two apart and throw each other out of
/// a first-level cache of 32 KiB, and a tile of six inputs reads them again for every six (Zen 3: 55 → 71 GFLOP/s for 512 inputs,
/// 75 → 96 for 128). The taller tile of AVX-512 reads them half as often.
fn chunk(isa: Isa) -> (usize, bool) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => (COPIED_CHUNK, true),
        _ => (CHUNK, false),
    }
}

/// Adds to (or stores in) `dw` in the order of `conv.view`; with `step`, steps the weights instead and leaves `dw` undefined.
pub fn weight_gradient(
    conv: &Convolution,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    n: usize,
    accumulate: bool,
    step: Option<FusedStep>,
) {
    let Some(tile) = register_tile(conv.isa) else { return };
    let (pack, side) = (&conv.view, conv.source_rows(n));
    let strips: Vec<Vec<Strip>> =
        conv.geometry.meetings.iter().map(|m| rows::strips(m, n, conv.geometry.step, side)).collect();
    check(pack, &strips, x.len(), dy.len());
    assert!(dw.len() >= pack.len());
    let pieces = pack.inputs.div_ceil(tile.rows);
    let columns = pack.groups * pack.blocks();
    let (input_parts, tap_parts) = parts(columns, pieces, pack.taps);
    let (most, copies) = chunk(conv.isa);
    let dw = Shared::new(dw);
    let step = step.map(|step| {
        assert!(step.weight.len() >= pack.len() && step.moment.len() >= pack.len());
        (step.sgd, Shared::new(step.weight), Shared::new(step.moment))
    });
    for_each(columns * input_parts * tap_parts, |task| {
        let (column, rest) = (task / (input_parts * tap_parts), task % (input_parts * tap_parts));
        let (input_part, tap_part) = (rest / tap_parts, rest % tap_parts);
        let (group, block) = (column / pack.blocks(), column % pack.blocks());
        let inputs = part(pack.inputs, input_part, input_parts);
        let taps = part(pack.taps, tap_part, tap_parts);
        let (outputs, width) = (pack.outputs_of(block), pack.width(block));
        let channels = pack.groups * pack.outputs;
        let total = conv.shape.output.positions() * n;
        let mut cursors = vec![Cursor::default(); pack.taps];
        let mut pairs = Vec::new();
        let first = group * pack.outputs + outputs.start;
        let mut copy = vec![0.0; if copies { most.min(total) * width } else { 0 }];
        for chunk in (0..total).step_by(most).map(|start| start..total.min(start + most)) {
            // (where row 0 is or would be, values from a row to the next, columns)
            let (dy, row, columns) = if copies {
                for (to, row) in copy.chunks_exact_mut(width).zip(chunk.clone()) {
                    to[..outputs.len()].copy_from_slice(&dy[row * channels + first..][..outputs.len()]);
                }
                (copy.as_ptr().wrapping_sub(chunk.start * width), width, width)
            } else {
                (dy[first..].as_ptr(), channels, outputs.len())
            };
            for tap in taps.clone() {
                // Only meets padding: its steps without a gradient are postponed (see `Convolution::dead`).
                if strips[tap].is_empty() && step.is_some() {
                    continue;
                }
                let fresh = cursors[tap] == Cursor::default();
                cursors[tap].advance(&strips[tap], chunk.end, &mut pairs);
                let done = cursors[tap].next == strips[tap].len();
                // Nothing more comes for a finished tap; one without any rows still has a gradient (of zero) and a step.
                if pairs.is_empty() && !(done && fresh && chunk.start == 0) {
                    continue;
                }
                let at = pack.start(group, block) + (tap * pack.inputs + inputs.start) * width;
                // SAFETY: `check` has seen that all strips lie in their slices; each (inputs, outputs, tap) is one task's.
                unsafe {
                    OuterProduct {
                        pairs: &pairs,
                        x: x.as_ptr().add(group * pack.inputs + inputs.start),
                        dy,
                        row,
                        inputs: inputs.len(),
                        columns,
                        to: dw.pointer(at),
                        accumulate: accumulate || !fresh,
                        step: step
                            .filter(|_| done)
                            .map(|(sgd, weight, moment)| (sgd, weight.pointer(at), moment.pointer(at))),
                    }
                    .run_on(conv.isa);
                }
            }
        }
    });
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

/// Stochastic gradient descent on a tile, with the gradient still in registers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    pub lr: f32,
    pub weight_decay: f32,
    pub gradient_scale: f32,
    pub momentum: f32,
    pub nesterov: bool,
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

/// One register of SGD in memory.
///
/// # Safety
/// Both pointers hold a register.
#[inline(always)]
unsafe fn step<S: Lanes>(lanes: S, sgd: &Sgd, weight: *mut f32, moment: *mut f32, gradient: S::F32) {
    // SAFETY: the caller's promise.
    unsafe {
        let (w, v) = stepped(lanes, sgd, lanes.load(weight), lanes.load(moment), gradient);
        lanes.store(weight, w);
        lanes.store(moment, v);
    }
}

/// Weights and momentum after a step, as [`update`](crate::update) has it.
#[inline(always)]
fn stepped<S: Lanes>(lanes: S, sgd: &Sgd, w: S::F32, v: S::F32, gradient: S::F32) -> (S::F32, S::F32) {
    let g = lanes.mul_add(gradient, lanes.splat(sgd.gradient_scale), lanes.mul(w, lanes.splat(sgd.weight_decay)));
    let momentum = lanes.splat(sgd.momentum);
    let v = lanes.mul_add(momentum, v, g);
    let direction = if sgd.nesterov { lanes.mul_add(momentum, v, g) } else { v };
    (lanes.mul_add(lanes.splat(-sgd.lr), direction, w), v)
}

/// Does the steps of weights whose gradient is zero, one after another, as if each had been done in its time.
pub fn replay(isa: Isa, steps: &[Sgd], weight: &mut [f32], moment: &mut [f32]) {
    const PIECE: usize = 4096;
    let (length, weight, moment) = (weight.len().min(moment.len()), Shared::new(weight), Shared::new(moment));
    for_each(length.div_ceil(PIECE), |i| {
        let range = i * PIECE..length.min((i + 1) * PIECE);
        // SAFETY: the pieces do not overlap.
        let (weight, moment) = unsafe { (weight.slice(range.clone()), moment.slice(range)) };
        isa.run(Replay { steps, weight, moment });
    });
}

struct Replay<'a> {
    steps: &'a [Sgd],
    weight: &'a mut [f32],
    moment: &'a mut [f32],
}

impl Kernel for Replay<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        for (w, v) in self.weight.chunks_mut(S::COUNT).zip(self.moment.chunks_mut(S::COUNT)) {
            let count = w.len();
            // SAFETY: `count` values are there.
            unsafe {
                let (mut a, mut b) = (lanes.load_first(count, w.as_ptr()), lanes.load_first(count, v.as_ptr()));
                for sgd in self.steps {
                    (a, b) = stepped(lanes, sgd, a, b, lanes.zero());
                }
                lanes.store_first(count, w.as_mut_ptr(), a);
                lanes.store_first(count, v.as_mut_ptr(), b);
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
