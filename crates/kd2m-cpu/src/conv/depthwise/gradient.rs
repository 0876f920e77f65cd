//! The gradient to the weights: sums of products over all rows, of one vector of channels and several taps in registers.
//!
//! Rows go block by block as in the forward product, so that both maps are read from memory once: with taps outermost they would be
//! read for every tap again, which took 3 times as long for maps that no cache holds.

use super::{ROWS, check_rows};
use crate::{
    conv::{
        Convolution,
        rows::{self, Block, Side},
    },
    geometry::Run,
    isa::{Kernel, Lanes},
    threads::{Shared, for_each, for_each_piece, part},
};

/// Parts of the rows with sums of their own, which are then added in their order: the bits do not depend on the number of threads.
const PARTS: usize = 16;
/// Sums that stay in registers at once: all taps of a 3×3.
const TAPS: usize = 9;
/// Weights of a task that adds the parts up.
const PIECE: usize = 1024;

/// Adds to `dw` (`[tap][channel]`), or stores.
pub fn weight_gradient(conv: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32], n: usize, accumulate: bool) {
    let (runs, side, channels) = (&conv.geometry.forward, conv.source_rows(n), conv.shape.output.channels);
    let blocks = rows::blocks(runs, n, conv.geometry.step, side, ROWS);
    check_rows(&blocks, runs, side, channels, x.len(), dy.len());
    let (weights, parts) = (conv.pack.len(), PARTS.min(blocks.len()));
    assert!(dw.len() >= weights && conv.pack.taps * channels == weights);
    let mut sums = vec![0.0; parts * weights];
    let shared = Shared::new(&mut sums);
    for_each(parts, |i| {
        // SAFETY: each task has its own sums.
        let sums = unsafe { shared.slice(i * weights..(i + 1) * weights) };
        conv.isa.run(Products { blocks: &blocks[part(blocks.len(), i, parts)], runs, side, x, dy, channels, sums });
    });
    for_each_piece(&mut dw[..weights], PIECE, |piece, dw| {
        for (i, value) in (piece * PIECE..).zip(dw) {
            let sum: f32 = (0..parts).map(|part| sums[part * weights + i]).sum();
            *value = if accumulate { *value + sum } else { sum };
        }
    });
}

/// Adds the products of some blocks.
struct Products<'a> {
    blocks: &'a [Block],
    runs: &'a [Run],
    /// How the rows of x lie.
    side: Side,
    x: &'a [f32],
    dy: &'a [f32],
    channels: usize,
    /// `[tap][channel]`
    sums: &'a mut [f32],
}

impl Kernel for Products<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, lanes: S) {
        for block in self.blocks {
            for taps in self.runs[block.run].taps.chunks(TAPS) {
                for first in (0..self.channels).step_by(S::COUNT) {
                    // SAFETY: `check_rows` has seen that the block's rows are there, and `first` is one of their channels.
                    unsafe {
                        match taps.len() {
                            1 => self.add::<S, 1>(lanes, block, taps, first),
                            2 => self.add::<S, 2>(lanes, block, taps, first),
                            3 => self.add::<S, 3>(lanes, block, taps, first),
                            4 => self.add::<S, 4>(lanes, block, taps, first),
                            5 => self.add::<S, 5>(lanes, block, taps, first),
                            6 => self.add::<S, 6>(lanes, block, taps, first),
                            7 => self.add::<S, 7>(lanes, block, taps, first),
                            8 => self.add::<S, 8>(lanes, block, taps, first),
                            _ => self.add::<S, TAPS>(lanes, block, taps, first),
                        }
                    }
                }
            }
        }
    }
}

impl Products<'_> {
    /// T taps of the channels from `first` on, at most a vector of them.
    ///
    /// # Safety
    /// The block's rows are inside x and dy for these taps, and there are T of them.
    #[inline(always)]
    unsafe fn add<S: Lanes, const T: usize>(&mut self, lanes: S, block: &Block, taps: &[(usize, usize)], first: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.channels - first {
                count if count < S::COUNT => self.rows::<S, T, false>(lanes, block, taps, first, count),
                _ => self.rows::<S, T, true>(lanes, block, taps, first, S::COUNT),
            }
        }
    }

    /// The same for `count` channels; WHOLE: they are a vector.
    ///
    /// # Safety
    /// As for [`add`](Self::add).
    #[inline(always)]
    unsafe fn rows<S: Lanes, const T: usize, const WHOLE: bool>(
        &mut self,
        lanes: S,
        block: &Block,
        taps: &[(usize, usize)],
        first: usize,
        count: usize,
    ) {
        let channels = self.channels;
        // SAFETY: the caller's promise; only `count` values are touched.
        unsafe {
            let read = |from: *const f32| if WHOLE { lanes.load(from) } else { lanes.load_first(count, from) };
            let (x, mut dy) = (self.x.as_ptr(), self.dy.as_ptr().add(block.output * channels + first));
            let from: [*const f32; T] =
                std::array::from_fn(|t| x.add(taps[t].0 * self.side.position + block.shift + first));
            let mut sums = [lanes.zero(); T];
            let mut at = 0;
            for _ in 0..block.rows {
                let gradient = read(dy);
                for t in 0..T {
                    sums[t] = lanes.mul_add(read(from[t].wrapping_add(at)), gradient, sums[t]);
                }
                at += block.stride;
                dy = dy.wrapping_add(channels);
            }
            for t in 0..T {
                let to = self.sums.as_mut_ptr().add(taps[t].1 * channels + first);
                let sum = lanes.add(read(to), sums[t]);
                if WHOLE { lanes.store(to, sum) } else { lanes.store_first(count, to, sum) }
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
        isa::Isa,
        layout::Extent,
    };

    /// Whole numbers, whose sums are exact in any order.
    fn whole_numbers(length: usize, seed: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * 7 + seed * 13) % 23) as f32 - 11.0).collect()
    }

    #[test]
    fn sums_are_those_of_the_definition_on_every_instruction_set() {
        for (channels, n, kernel, stride) in [(2, 1, 3, 1), (5, 3, 3, 2), (16, 2, 5, 1), (37, 4, 3, 1), (70, 1, 5, 2)] {
            let map = |height, width| Extent { channels, height, width };
            let window =
                Window { kernel: [kernel; 2], stride: [stride; 2], padding: [kernel / 2; 2], dilation: [1; 2] };
            let (input, output) = (map(9, 21), map(9_usize.div_ceil(stride), 21_usize.div_ceil(stride)));
            let shape = ConvShape { window, groups: channels, input, output, source: Source::Maps };
            let (x, dy) = (whole_numbers(n * input.len(), 1), whole_numbers(n * output.len(), 2));
            let mut expected = whole_numbers(window.taps() * channels, 3);
            for (row, dy) in dy.chunks_exact(channels).enumerate() {
                let (position, sample) = (row / n, row % n);
                for tap in 0..window.taps() {
                    let inside = |at: usize, k: usize, length: usize| {
                        (at * stride + k).checked_sub(kernel / 2).filter(|i| *i < length)
                    };
                    let i = inside(position / output.width, tap / kernel, input.height);
                    let j = inside(position % output.width, tap % kernel, input.width);
                    let (Some(i), Some(j)) = (i, j) else { continue };
                    let x = &x[((i * input.width + j) * n + sample) * channels..][..channels];
                    for (channel, (x, dy)) in x.iter().zip(dy).enumerate() {
                        expected[tap * channels + channel] += x * dy;
                    }
                }
            }
            for isa in Isa::available() {
                let conv = Convolution::new(shape, isa, true);
                let mut found = whole_numbers(window.taps() * channels, 3);
                weight_gradient(&conv, &x, &dy, &mut found, n, true);
                assert_eq!(found, expected, "{isa}, {shape}, {n} samples, added");
                let start = whole_numbers(window.taps() * channels, 3);
                weight_gradient(&conv, &x, &dy, &mut found, n, false);
                let stored: Vec<f32> = expected.iter().zip(start).map(|(sum, start)| sum - start).collect();
                assert_eq!(found, stored, "{isa}, {shape}, {n} samples, stored");
            }
        }
    }
}
