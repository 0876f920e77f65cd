//! Convolution of each channel by itself: no reuse across channels, so plain loops along them are at the speed of memory.

use super::{
    Convolution, Epilogue,
    rows::{self, Block, Side, Strip},
};
use crate::{
    epilogue::finish_rows,
    geometry::Run,
    isa::{Isa, Kernel, Lanes},
    threads::{Shared, for_each, part},
};

/// Rows of a task.
const ROWS: usize = 64;

pub fn forward(conv: &Convolution, x: &[f32], weight: &[f32], y: &mut [f32], n: usize, epilogue: Epilogue) {
    let side = conv.source_rows(n);
    apply(
        &conv.geometry.forward,
        conv.geometry.step,
        side,
        x,
        weight,
        y,
        n,
        conv.shape.output.channels,
        epilogue,
        conv.isa,
    );
}

/// The same loop over input positions: each (position, tap) pair goes back through the same weight.
pub fn input_gradient(conv: &Convolution, dy: &[f32], weight: &[f32], dx: &mut [f32], n: usize, accumulate: bool) {
    let channels = conv.shape.output.channels;
    let (runs, side) = (&conv.geometry.backward, Side::maps(n, channels));
    apply(runs, 1, side, dy, weight, dx, n, channels, Epilogue::product(accumulate), conv.isa);
}

#[expect(clippy::too_many_arguments, reason = "forward and gradient differ in all of them")]
fn apply(
    runs: &[Run],
    step: usize,
    side: Side,
    x: &[f32],
    weight: &[f32],
    y: &mut [f32],
    n: usize,
    channels: usize,
    epilogue: Epilogue,
    isa: Isa,
) {
    let blocks = rows::blocks(runs, n, step, side, ROWS);
    let shared = Shared::new(y);
    for_each(blocks.len(), |task| {
        let block = &blocks[task];
        let at = block.output * channels;
        // SAFETY: each block has its own rows.
        let target = unsafe { shared.slice(at..at + block.rows * channels) };
        if !epilogue.accumulate {
            target.fill(0.0);
        }
        isa.run(Rows { taps: &runs[block.run].taps, side, block, x, weight, target, channels });
        // SAFETY: as above; `target` is not used any more.
        unsafe { finish_rows(shared, at, channels, block.rows, 0, channels, &epilogue) };
    });
}

pub fn weight_gradient(conv: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32], n: usize, accumulate: bool) {
    let (side, channels) = (conv.source_rows(n), conv.shape.output.channels);
    let strips: Vec<_> = conv.geometry.meetings.iter().map(|m| rows::strips(m, n, conv.geometry.step, side)).collect();
    // Whole cache lines of channels for each task, so that tasks do not share lines of dw.
    let parts = channels.div_ceil(32);
    let shared = Shared::new(dw);
    for_each(strips.len() * parts, |task| {
        let (tap, range) = (task / parts, part(channels, task % parts, parts));
        // SAFETY: each task has its own channels of its tap.
        let target = unsafe { shared.slice(tap * channels + range.start..tap * channels + range.end) };
        if !accumulate {
            target.fill(0.0);
        }
        conv.isa.run(Products { strips: &strips[tap], x, dy, first: range.start, channels, target });
    });
}

/// The rows of a block, each a sum over its taps.
struct Rows<'a> {
    taps: &'a [(usize, usize)],
    side: Side,
    block: &'a Block,
    x: &'a [f32],
    weight: &'a [f32],
    target: &'a mut [f32],
    channels: usize,
}

impl Kernel for Rows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let channels = self.channels;
        for (r, row) in self.target.chunks_exact_mut(channels).enumerate() {
            for (position, tap) in self.taps {
                let start = position * self.side.position + self.block.shift + r * self.block.stride;
                let weights = &self.weight[tap * channels..][..channels];
                for ((value, x), w) in row.iter_mut().zip(&self.x[start..start + channels]).zip(weights) {
                    *value += x * w;
                }
            }
        }
    }
}

/// Sums of products over all rows of a tap.
struct Products<'a> {
    strips: &'a [Strip],
    x: &'a [f32],
    dy: &'a [f32],
    first: usize,
    channels: usize,
    target: &'a mut [f32],
}

impl Kernel for Products<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let width = self.target.len();
        for strip in self.strips {
            for r in 0..strip.rows {
                let x = &self.x[strip.input + r * strip.stride + self.first..][..width];
                let dy = &self.dy[(strip.output + r) * self.channels + self.first..][..width];
                for ((value, x), g) in self.target.iter_mut().zip(x).zip(dy) {
                    *value += x * g;
                }
            }
        }
    }
}
