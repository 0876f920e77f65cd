//! Convolution through the `gemm` crate, tap by tap without im2col: the path for any processor and any shape.

use super::{
    Convolution, Epilogue,
    rows::{self, Side},
};
use crate::{
    epilogue::finish_rows,
    threads::{Shared, for_each, part},
};

/// Rows of one product: enough that packing the weights is a small share of it.
const ROWS: usize = 512;
/// The narrowest piece of columns that a task gets.
const COLUMNS: usize = 32;

/// A matrix inside a slice.
#[derive(Clone, Copy)]
struct View<'a> {
    values: &'a [f32],
    start: usize,
    /// Values from a row to the next.
    row: usize,
    /// Values from a column to the next.
    column: usize,
}

/// `to[rows × columns] (+)= a[rows × depth] · b[depth × columns]`; `to` has stride `row` between rows.
///
/// # Safety
/// No other reference to the written values exists.
#[expect(clippy::too_many_arguments, reason = "the shape of a matrix product")]
unsafe fn product(to: Shared, at: usize, row: usize, m: usize, n: usize, k: usize, add: bool, a: View, b: View) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    let last = |v: View, rows: usize, columns: usize| v.start + (rows - 1) * v.row + (columns - 1) * v.column;
    assert!(last(a, m, k) < a.values.len() && last(b, k, n) < b.values.len());
    // SAFETY: the corners of a and b are inside their slices by the assertion, the last one of `to` by that in `pointer`; the
    // caller keeps others away from it.
    unsafe {
        to.pointer(at + (m - 1) * row + n);
        let to = to.pointer(at);
        gemm::gemm(
            m,
            n,
            k,
            to,
            1,
            row as isize,
            add,
            a.values.as_ptr().add(a.start),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr().add(b.start),
            b.column as isize,
            b.row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// How many pieces of columns make enough tasks for the threads.
fn column_parts(blocks: usize, columns: usize) -> usize {
    let wanted = (4 * rayon::current_num_threads()).div_ceil(blocks.max(1));
    wanted.clamp(1, columns.div_ceil(COLUMNS))
}

pub fn forward(conv: &Convolution, x: &[f32], weight: &[f32], y: &mut [f32], n: usize, epilogue: Epilogue) {
    let (view, side) = (&conv.view, conv.source_rows(n));
    let runs = &conv.geometry.forward;
    let blocks = rows::blocks(runs, n, conv.geometry.step, side, ROWS);
    let parts = column_parts(blocks.len() * view.groups, view.outputs);
    let channels = conv.shape.output.channels;
    let shared = Shared::new(y);
    for_each(blocks.len() * view.groups * parts, |task| {
        let (block, rest) = (&blocks[task / (view.groups * parts)], task % (view.groups * parts));
        let (group, columns) = (rest / parts, part(view.outputs, rest % parts, parts));
        let first = group * view.outputs + columns.start;
        let at = block.output * channels + first;
        let taps = &runs[block.run].taps;
        if taps.is_empty() && !epilogue.accumulate {
            for r in 0..block.rows {
                // SAFETY: each task has its own rows × columns.
                unsafe { shared.slice(at + r * channels..at + r * channels + columns.len()) }.fill(0.0);
            }
        }
        for (i, (position, tap)) in taps.iter().enumerate() {
            let start = position * side.position + block.shift + group * view.inputs;
            let a = View { values: x, start, row: block.stride, column: 1 };
            let start = view.start(group, 0) + tap * view.inputs * view.outputs + columns.start;
            let b = View { values: weight, start, row: view.outputs, column: 1 };
            let add = i > 0 || epilogue.accumulate;
            // SAFETY: as above.
            unsafe { product(shared, at, channels, block.rows, columns.len(), view.inputs, add, a, b) };
        }
        // SAFETY: as above.
        unsafe { finish_rows(shared, at, channels, block.rows, first, columns.len(), &epilogue) };
    });
}

pub fn input_gradient(conv: &Convolution, dy: &[f32], weight: &[f32], dx: &mut [f32], n: usize, accumulate: bool) {
    let (view, side) = (&conv.view, Side::maps(n, conv.shape.output.channels));
    let runs = &conv.geometry.backward;
    let blocks = rows::blocks(runs, n, 1, side, ROWS);
    let parts = column_parts(blocks.len() * view.groups, view.inputs);
    let channels = conv.shape.input.channels;
    let shared = Shared::new(dx);
    for_each(blocks.len() * view.groups * parts, |task| {
        let (block, rest) = (&blocks[task / (view.groups * parts)], task % (view.groups * parts));
        let (group, columns) = (rest / parts, part(view.inputs, rest % parts, parts));
        let at = block.output * channels + group * view.inputs + columns.start;
        let taps = &runs[block.run].taps;
        if taps.is_empty() && !accumulate {
            for r in 0..block.rows {
                // SAFETY: each task has its own rows × columns.
                unsafe { shared.slice(at + r * channels..at + r * channels + columns.len()) }.fill(0.0);
            }
        }
        for (i, (position, tap)) in taps.iter().enumerate() {
            let start = position * side.position + block.shift + group * view.outputs;
            let a = View { values: dy, start, row: block.stride, column: 1 };
            let start = view.start(group, 0) + (tap * view.inputs + columns.start) * view.outputs;
            let b = View { values: weight, start, row: 1, column: view.outputs };
            let add = i > 0 || accumulate;
            // SAFETY: as above.
            unsafe { product(shared, at, channels, block.rows, columns.len(), view.outputs, add, a, b) };
        }
    });
}

pub fn weight_gradient(conv: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32], n: usize, accumulate: bool) {
    let (view, side) = (&conv.view, conv.source_rows(n));
    let channels = conv.shape.output.channels;
    let strips: Vec<_> = conv.geometry.meetings.iter().map(|m| rows::strips(m, n, conv.geometry.step, side)).collect();
    let parts = column_parts(view.taps * view.groups, view.inputs);
    let shared = Shared::new(dw);
    for_each(view.taps * view.groups * parts, |task| {
        let (tap, rest) = (task / (view.groups * parts), task % (view.groups * parts));
        let (group, inputs) = (rest / parts, part(view.inputs, rest % parts, parts));
        let at = view.start(group, 0) + (tap * view.inputs + inputs.start) * view.outputs;
        if strips[tap].is_empty() && !accumulate {
            // SAFETY: each task has its own range.
            unsafe { shared.slice(at..at + inputs.len() * view.outputs) }.fill(0.0);
        }
        for (i, strip) in strips[tap].iter().enumerate() {
            let start = strip.input + group * view.inputs + inputs.start;
            let a = View { values: x, start, row: 1, column: strip.stride };
            let start = strip.output * channels + group * view.outputs;
            let b = View { values: dy, start, row: channels, column: 1 };
            let add = i > 0 || accumulate;
            // SAFETY: as above.
            unsafe { product(shared, at, view.outputs, inputs.len(), view.outputs, strip.rows, add, a, b) };
        }
    });
}
