//! Convolution of each channel by itself: no reuse across channels, so plain loops along them are at the speed of memory.

use super::{
    Convolution, Epilogue,
    rows::{self, Side},
};
use crate::{
    epilogue::finish_rows,
    geometry::Run,
    threads::{Shared, for_each, part},
};

/// Rows of a task.
const ROWS: usize = 64;

pub fn forward(conv: &Convolution, x: &[f32], weight: &[f32], y: &mut [f32], n: usize, epilogue: Epilogue) {
    let side = conv.source_rows(n);
    apply(&conv.geometry.forward, conv.geometry.step, side, x, weight, y, n, conv.shape.output.channels, epilogue);
}

/// The same loop over input positions: each (position, tap) pair goes back through the same weight.
pub fn input_gradient(conv: &Convolution, dy: &[f32], weight: &[f32], dx: &mut [f32], n: usize, accumulate: bool) {
    let channels = conv.shape.output.channels;
    let (runs, side) = (&conv.geometry.backward, Side::maps(n, channels));
    apply(runs, 1, side, dy, weight, dx, n, channels, Epilogue::product(accumulate));
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
        for (r, row) in target.chunks_exact_mut(channels).enumerate() {
            for (position, tap) in &runs[block.run].taps {
                let from = &x[position * side.position + block.shift + r * block.stride..][..channels];
                let weights = &weight[tap * channels..][..channels];
                for ((value, x), w) in row.iter_mut().zip(from).zip(weights) {
                    *value += x * w;
                }
            }
        }
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
        for strip in &strips[tap] {
            for r in 0..strip.rows {
                let from = &x[strip.input + r * strip.stride + range.start..][..range.len()];
                let gradient = &dy[(strip.output + r) * channels + range.start..][..range.len()];
                for ((value, x), g) in target.iter_mut().zip(from).zip(gradient) {
                    *value += x * g;
                }
            }
        }
    });
}
