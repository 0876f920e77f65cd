//! Convolution of each channel by itself: vectors of channels, whose sums over all taps stay in registers for several rows at once.
//! The gradient to the weights is in `gradient.rs`.

mod gradient;

pub use gradient::weight_gradient;

use super::{
    Convolution, Epilogue,
    rows::{self, Block, Side},
};
use crate::{
    geometry::Run,
    isa::{Isa, Kernel, Lanes},
    threads::{Shared, for_each},
};

/// Rows of a task.
const ROWS: usize = 64;

pub fn forward(conv: &Convolution, x: &[f32], weight: &[f32], y: &mut [f32], n: usize, epilogue: Epilogue) {
    let (runs, side, channels) = (&conv.geometry.forward, conv.source_rows(n), conv.shape.output.channels);
    Job { isa: conv.isa, runs, side, x, weight, channels, epilogue }.run(y, n, conv.geometry.step);
}

/// The same loop over input positions: each (position, tap) pair goes back through the same weight.
pub fn input_gradient(conv: &Convolution, dy: &[f32], weight: &[f32], dx: &mut [f32], n: usize, accumulate: bool) {
    let channels = conv.shape.output.channels;
    let (runs, side, epilogue) = (&conv.geometry.backward, Side::maps(n, channels), Epilogue::product(accumulate));
    Job { isa: conv.isa, runs, side, x: dy, weight, channels, epilogue }.run(dx, n, 1);
}

struct Job<'a> {
    isa: Isa,
    runs: &'a [Run],
    /// How the rows of x lie.
    side: Side,
    x: &'a [f32],
    /// `[tap][channel]`
    weight: &'a [f32],
    channels: usize,
    epilogue: Epilogue<'a>,
}

impl Job<'_> {
    fn run(&self, y: &mut [f32], n: usize, step: usize) {
        let blocks = rows::blocks(self.runs, n, step, self.side, ROWS);
        self.check(&blocks, y.len());
        let y = Shared::new(y);
        for_each(blocks.len(), |task| {
            let block = &blocks[task];
            let at = block.output * self.channels;
            self.isa.run(Rows {
                job: self,
                taps: &self.runs[block.run].taps,
                block,
                // SAFETY: each block has its own rows of y, which `check` has seen to be there.
                to: unsafe { y.pointer(at) },
            });
            if let Some(function) = self.epilogue.function {
                // SAFETY: as above.
                function(self.isa, unsafe { y.slice(at..at + block.rows * self.channels) });
            }
        });
    }

    /// Everything that the rows reach through pointers is inside the slices.
    fn check(&self, blocks: &[Block], outputs: usize) {
        let channels = self.channels;
        check_rows(blocks, self.runs, self.side, channels, self.x.len(), outputs);
        let taps = self.runs.iter().flat_map(|run| &run.taps).map(|(_, tap)| *tap).max();
        assert!(taps.is_none_or(|tap| (tap + 1) * channels <= self.weight.len()));
        assert!(self.epilogue.bias.is_none_or(|bias| bias.len() >= channels));
        assert!(self.epilogue.residual.is_none_or(|residual| residual.len() >= outputs));
    }
}

/// All rows of the blocks lie inside slices of so many values.
fn check_rows(blocks: &[Block], runs: &[Run], side: Side, channels: usize, x: usize, outputs: usize) {
    for block in blocks {
        let furthest = runs[block.run].taps.iter().map(|(position, _)| *position).max();
        if let Some(position) = furthest {
            let last = position * side.position + block.shift + (block.rows - 1) * block.stride;
            assert!(last + channels <= x);
        }
        assert!((block.output + block.rows) * channels <= outputs);
    }
}

/// The rows of a block, each a sum over its taps. Products and sums are rounded one by one, so that all instruction sets agree.
struct Rows<'a> {
    job: &'a Job<'a>,
    taps: &'a [(usize, usize)],
    block: &'a Block,
    to: *mut f32,
}

impl Kernel for Rows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let mut row = 0;
        while row < self.block.rows {
            // SAFETY: `Job::check` has seen that these rows are there.
            row += unsafe {
                match self.block.rows - row {
                    8.. => self.tile::<S, 8>(lanes, row),
                    4.. => self.tile::<S, 4>(lanes, row),
                    2.. => self.tile::<S, 2>(lanes, row),
                    _ => self.tile::<S, 1>(lanes, row),
                }
            };
        }
    }
}

impl Rows<'_> {
    /// R rows from `row` on: a vector of weights is loaded once for all of them.
    ///
    /// # Safety
    /// The rows are inside the block, and what they read and write inside the slices.
    #[inline(always)]
    unsafe fn tile<S: Lanes, const R: usize>(&self, lanes: S, row: usize) -> usize {
        let channels = self.job.channels;
        let rest = channels % S::COUNT;
        // SAFETY: the caller's promise.
        unsafe {
            for first in (0..channels - rest).step_by(S::COUNT) {
                self.columns::<S, R>(lanes, row, first, S::COUNT);
            }
            if rest > 0 {
                self.columns::<S, R>(lanes, row, channels - rest, rest);
            }
        }
        R
    }

    /// `count` channels from `first` on, at most a vector; the sums stay in registers over all taps.
    ///
    /// # Safety
    /// As for [`tile`](Self::tile).
    #[inline(always)]
    unsafe fn columns<S: Lanes, const R: usize>(&self, lanes: S, row: usize, first: usize, count: usize) {
        let Job { channels, side, epilogue, .. } = *self.job;
        let (stride, at) = (self.block.stride, self.block.output * channels);
        // SAFETY: the caller's promise; only `count` values are touched.
        unsafe {
            let read = |from: *const f32| {
                if count == S::COUNT { lanes.load(from) } else { lanes.load_first(count, from) }
            };
            let place = |r: usize| (row + r) * channels + first;
            let mut sums = [lanes.zero(); R];
            if epilogue.accumulate {
                for r in 0..R {
                    sums[r] = read(self.to.add(place(r)));
                }
            }
            for (position, tap) in self.taps {
                let weight = read(self.job.weight.as_ptr().add(tap * channels + first));
                let start = position * side.position + self.block.shift + row * stride + first;
                let from = self.job.x.as_ptr().add(start);
                for r in 0..R {
                    sums[r] = lanes.add(sums[r], lanes.mul(read(from.add(r * stride)), weight));
                }
            }
            if let Some(bias) = epilogue.bias {
                let bias = read(bias.as_ptr().add(first));
                for r in 0..R {
                    sums[r] = lanes.add(sums[r], bias);
                }
            }
            if let Some(residual) = epilogue.residual {
                for r in 0..R {
                    sums[r] = lanes.add(sums[r], read(residual.as_ptr().add(at + place(r))));
                }
            }
            if epilogue.is_limited() {
                let (low, high) = epilogue.limits;
                for r in 0..R {
                    sums[r] = lanes.min(lanes.splat(high), lanes.max(lanes.splat(low), sums[r]));
                }
            }
            for r in 0..R {
                let to = self.to.add(place(r));
                if count == S::COUNT { lanes.store(to, sums[r]) } else { lanes.store_first(count, to, sums[r]) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conv::{ConvShape, Source},
        geometry::Window,
        layout::Extent,
    };

    /// Small numbers with many bits.
    fn numbers(length: usize, seed: u32) -> Vec<f32> {
        let next = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 8) as f32 / (1 << 23) as f32 - 1.0)
        };
        std::iter::repeat_n((), length).scan(seed, |state, ()| next(state)).collect()
    }

    /// By the definition, taps in their order, each product and sum rounded; then bias, residual and limits.
    fn plain(shape: &ConvShape, x: &[f32], weight: &[f32], y: &mut [f32], n: usize, epilogue: &Epilogue) {
        let (c, window) = (shape.input.channels, shape.window);
        for (row, y) in y.chunks_exact_mut(c).enumerate() {
            let (position, sample) = (row / n, row % n);
            let (top, left) = (position / shape.output.width, position % shape.output.width);
            for channel in 0..c {
                let mut sum = if epilogue.accumulate { y[channel] } else { 0.0 };
                for tap in 0..window.taps() {
                    let inside = |at: usize, k: usize, axis: usize, length: usize| {
                        let i = at * window.stride[axis] + k * window.dilation[axis];
                        i.checked_sub(window.padding[axis]).filter(|i| *i < length)
                    };
                    let i = inside(top, tap / window.kernel[1], 0, shape.input.height);
                    let j = inside(left, tap % window.kernel[1], 1, shape.input.width);
                    if let (Some(i), Some(j)) = (i, j) {
                        sum += x[((i * shape.input.width + j) * n + sample) * c + channel] * weight[tap * c + channel];
                    }
                }
                sum += epilogue.bias.map_or(0.0, |bias| bias[channel]);
                sum += epilogue.residual.map_or(0.0, |residual| residual[row * c + channel]);
                y[channel] = sum.clamp(epilogue.limits.0, epilogue.limits.1);
            }
        }
    }

    #[test]
    fn rows_are_the_plain_sums_to_the_bit_on_every_instruction_set() {
        for (channels, n, kernel, stride) in [(1, 1, 3, 1), (5, 3, 3, 2), (16, 2, 5, 1), (37, 4, 3, 1), (70, 1, 5, 2)] {
            let map = |height, width| Extent { channels, height, width };
            let window =
                Window { kernel: [kernel; 2], stride: [stride; 2], padding: [kernel / 2; 2], dilation: [1; 2] };
            let (input, output) = (map(9, 21), map(9_usize.div_ceil(stride), 21_usize.div_ceil(stride)));
            let shape = ConvShape { window, groups: channels, input, output, source: Source::Maps };
            let (x, weight) = (numbers(n * input.len(), 1), numbers(window.taps() * channels, 2));
            let (bias, residual) = (numbers(channels, 3), numbers(n * output.len(), 4));
            let whole = Epilogue {
                accumulate: true,
                bias: Some(&bias),
                residual: Some(&residual),
                limits: (-0.25, 1.5),
                function: None,
            };
            for epilogue in [Epilogue::product(false), whole] {
                let mut expected = numbers(n * output.len(), 5);
                plain(&shape, &x, &weight, &mut expected, n, &epilogue);
                for isa in Isa::available() {
                    let mut found = numbers(n * output.len(), 5);
                    forward(&Convolution::new(shape, isa, true), &x, &weight, &mut found, n, epilogue);
                    assert_eq!(found, expected, "{isa}, {shape}, {n} samples");
                }
            }
        }
    }
}
