//! Weights at the 36 points, `[panel of outputs][point][input][output in the panel]`, and gradients of them back to the nine taps.
//! A frozen network transforms once; a training one after each update, a cost of 36/9 writes for each weight.
//! Read next: `products.rs`, which reads them.

use std::ops::Range;

use super::{
    panels::{LINE, POINTS},
    transform::{self, Sink, Source, both_ways, pairs},
};
use crate::{
    aligned::Aligned,
    isa::{Isa, Kernel, Lanes},
    layout::Pack,
    threads::{Shared, for_each, part},
};

/// Taps of a 3×3 kernel.
const TAPS: usize = 9;

/// Where the numbers of transformed weights lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PointLayout {
    pub inputs: usize,
    pub outputs: usize,
    /// Outputs in a panel.
    pub columns: usize,
}

impl PointLayout {
    /// Inputs padded to whole lines.
    pub fn depth(&self) -> usize {
        self.inputs.next_multiple_of(LINE)
    }

    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(self.columns)
    }

    /// From one point to the next; not a power of two, which would put all points of a weight into one cache set.
    pub fn stride(&self) -> usize {
        self.depth() * self.columns + LINE
    }

    pub fn len(&self) -> usize {
        self.panels() * POINTS * self.stride()
    }

    /// Where a panel of a point starts.
    pub fn at(&self, panel: usize, point: usize) -> usize {
        (panel * POINTS + point) * self.stride()
    }

    /// The outputs of a panel that are real.
    pub fn outputs_of(&self, panel: usize) -> Range<usize> {
        panel * self.columns..self.outputs.min((panel + 1) * self.columns)
    }
}

/// Which product the weights are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Maps: y from x.
    Forward,
    /// Gradients to the input, dx from dy: the same product with the taps turned by half a turn.
    InputGradient,
}

/// Transformed weights of one layer for one direction.
pub struct Weights {
    pub(super) points: Aligned,
    pub(super) layout: PointLayout,
    isa: Isa,
    direction: Direction,
}

impl Weights {
    /// Numbers at all points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn new(isa: Isa, direction: Direction, layout: PointLayout) -> Weights {
        Weights { points: Aligned::zeros(layout.len()), layout, isa, direction }
    }

    /// # Panics
    /// When these are the weights of another layer or direction.
    pub(super) fn expect(&self, direction: Direction, layout: PointLayout) {
        assert_eq!((self.direction, self.layout), (direction, layout), "the weights of another layer or direction");
    }

    /// Transforms weights, given in the order of `pack`; for [`Direction::InputGradient`] both are the transposed ones.
    ///
    /// # Panics
    /// When `pack` belongs to another layer or `packed` is too short for it.
    pub fn transform(&mut self, pack: &Pack, packed: &[f32]) {
        let layout = self.layout;
        check(pack, layout, packed.len());
        let points = Shared::new(&mut self.points);
        for_each_vector_task(layout, |panel, inputs| {
            let turned = self.direction == Direction::InputGradient;
            // SAFETY: each task writes the points of its own inputs and outputs.
            let to = unsafe { points.pointer(layout.at(panel, 0)) };
            self.isa.run(TransformWeights { pack, packed, layout, panel, inputs, turned, to });
        });
    }
}

pub(super) fn check(pack: &Pack, layout: PointLayout, length: usize) {
    assert_eq!((pack.groups, pack.taps), (1, TAPS), "Winograd convolution takes 3×3 kernels of one group");
    assert_eq!((pack.inputs, pack.outputs), (layout.inputs, layout.outputs), "the pack of another layer");
    assert!(length >= pack.len(), "{length} weights in place of {}", pack.len());
}

/// Tasks over panels of outputs and ranges of inputs.
fn for_each_vector_task(layout: PointLayout, task: impl Fn(usize, Range<usize>) + Sync) {
    let parts = (4 * rayon::current_num_threads()).div_ceil(layout.panels()).clamp(1, layout.inputs.div_ceil(4));
    for_each(layout.panels() * parts, |i| task(i / parts, part(layout.inputs, i % parts, parts)));
}

/// A vector of outputs, for input 0 and tap 0, as it lies in a pack.
struct Place {
    start: usize,
    /// From one input to the next.
    width: usize,
    /// Outputs up to the vector's, the panel's or the block's end, whichever comes first.
    count: usize,
}

/// Where outputs from `output` to `end` start in a pack.
#[inline(always)]
fn place(pack: &Pack, output: usize, end: usize, most: usize) -> Place {
    let (block, lane) = (output / pack.block, output % pack.block);
    let count = most.min(pack.outputs_of(block).end - output).min(end - output);
    Place { start: pack.start(0, block) + lane, width: pack.width(block), count }
}

/// Nine taps, `stride` apart: whole vectors, or up to `count` numbers each. (Stores by mask cost Zen 3 ten times as much.)
struct Taps<const WHOLE: bool> {
    at: *mut f32,
    stride: usize,
    count: usize,
    turned: bool,
    accumulate: bool,
}

impl<const WHOLE: bool> Taps<WHOLE> {
    #[inline(always)]
    fn offset(&self, row: usize, column: usize) -> usize {
        let tap = 3 * row + column;
        (if self.turned { TAPS - 1 - tap } else { tap }) * self.stride
    }
}

impl<S: Lanes, const WHOLE: bool> Source<S> for Taps<WHOLE> {
    #[inline(always)]
    unsafe fn load(&self, lanes: S, row: usize, column: usize, vector: usize) -> S::F32 {
        // SAFETY: the promise of the type.
        unsafe { some::<S, WHOLE>(lanes, self.count, self.at.add(self.offset(row, column) + vector * S::COUNT)) }
    }
}

impl<S: Lanes, const WHOLE: bool> Sink<S> for Taps<WHOLE> {
    #[inline(always)]
    unsafe fn store(&self, lanes: S, row: usize, column: usize, vector: usize, value: S::F32) {
        // SAFETY: the promise of the type.
        unsafe {
            let at = self.at.add(self.offset(row, column) + vector * S::COUNT);
            let value = if self.accumulate { lanes.add(value, some::<S, WHOLE>(lanes, self.count, at)) } else { value };
            put::<S, WHOLE>(lanes, self.count, at, value);
        }
    }
}

/// A whole vector, or its first `count` numbers.
///
/// # Safety
/// So many numbers may be read.
#[inline(always)]
unsafe fn some<S: Lanes, const WHOLE: bool>(lanes: S, count: usize, at: *const f32) -> S::F32 {
    // SAFETY: the caller's promise.
    unsafe { if WHOLE { lanes.load(at) } else { lanes.load_first(count, at) } }
}

/// Stores a whole vector, or its first `count` numbers.
///
/// # Safety
/// So many numbers may be written.
#[inline(always)]
unsafe fn put<S: Lanes, const WHOLE: bool>(lanes: S, count: usize, at: *mut f32, value: S::F32) {
    // SAFETY: the caller's promise.
    unsafe { if WHOLE { lanes.store(at, value) } else { lanes.store_first(count, at, value) } }
}

/// The points of a vector of weights, or of up to `count`, `stride` apart.
struct WeightPoints<const WHOLE: bool> {
    at: *mut f32,
    stride: usize,
    count: usize,
}

impl<S: Lanes, const WHOLE: bool> Sink<S> for WeightPoints<WHOLE> {
    #[inline(always)]
    unsafe fn store(&self, lanes: S, row: usize, column: usize, vector: usize, value: S::F32) {
        // SAFETY: the promise of the type.
        unsafe {
            put::<S, WHOLE>(lanes, self.count, self.at.add((6 * row + column) * self.stride + vector * S::COUNT), value)
        }
    }
}

impl<S: Lanes, const WHOLE: bool> Source<S> for WeightPoints<WHOLE> {
    #[inline(always)]
    unsafe fn load(&self, lanes: S, row: usize, column: usize, vector: usize) -> S::F32 {
        // SAFETY: the promise of the type.
        unsafe {
            some::<S, WHOLE>(lanes, self.count, self.at.add((6 * row + column) * self.stride + vector * S::COUNT))
        }
    }
}

/// G·g·Gᵀ for some inputs and one panel of outputs.
pub(super) struct TransformWeights<'a> {
    pub pack: &'a Pack,
    pub packed: &'a [f32],
    pub layout: PointLayout,
    pub panel: usize,
    pub inputs: Range<usize>,
    pub turned: bool,
    /// The panel's first point.
    pub to: *mut f32,
}

impl Kernel for TransformWeights<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let outputs = self.layout.outputs_of(self.panel);
        let mut output = outputs.start;
        while output < outputs.end {
            let lane = output - outputs.start;
            let pair = place(self.pack, output, outputs.end, 2 * S::COUNT);
            let place = place(self.pack, output, outputs.end, S::COUNT);
            if pairs::<S>() && pair.count == 2 * S::COUNT {
                self.vectors::<S, 2, true>(lanes, lane, &pair);
                output += pair.count;
                continue;
            }
            if place.count == S::COUNT {
                self.vectors::<S, 1, true>(lanes, lane, &place);
            } else {
                self.vectors::<S, 1, false>(lanes, lane, &place);
            }
            output += place.count;
        }
    }
}

impl TransformWeights<'_> {
    /// The outputs of a place, the panel's from `lane` on.
    #[inline(always)]
    fn vectors<S: Lanes, const V: usize, const WHOLE: bool>(&self, lanes: S, lane: usize, place: &Place) {
        let Place { start, width, count } = *place;
        for input in self.inputs.clone() {
            // SAFETY: checked lengths; the taps are only read through this pointer.
            unsafe {
                let at = self.packed.as_ptr().add(start + input * width).cast_mut();
                let stride = self.pack.inputs * width;
                let from = Taps::<WHOLE> { at, stride, count, turned: self.turned, accumulate: false };
                let at = self.to.wrapping_add(input * self.layout.columns + lane);
                let to = WeightPoints::<WHOLE> { at, stride: self.layout.stride(), count };
                both_ways::<transform::Weight, S, 3, 6, V>(lanes, &from, &to);
            }
        }
    }
}

/// Gᵀ·u·G of gradients at the points into the order of `pack`, stored or added.
pub(super) fn gradient_to_taps(
    isa: Isa,
    layout: PointLayout,
    points: &mut [f32],
    pack: &Pack,
    packed: &mut [f32],
    accumulate: bool,
) {
    check(pack, layout, packed.len());
    let (points, packed) = (Shared::new(points), Shared::new(packed));
    for_each_vector_task(layout, |panel, inputs| {
        // SAFETY: each task reads and writes its own inputs and outputs.
        let (from, to) = unsafe { (points.pointer(layout.at(panel, 0)), packed.pointer(0)) };
        isa.run(TransformGradient { pack, layout, panel, inputs, accumulate, from, to });
    });
}

/// Gᵀ·u·G for some inputs and one panel of outputs.
pub(super) struct TransformGradient<'a> {
    pub pack: &'a Pack,
    pub layout: PointLayout,
    pub panel: usize,
    pub inputs: Range<usize>,
    pub accumulate: bool,
    /// The panel's first point.
    pub from: *mut f32,
    /// The pack.
    pub to: *mut f32,
}

impl Kernel for TransformGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let outputs = self.layout.outputs_of(self.panel);
        let mut output = outputs.start;
        while output < outputs.end {
            let lane = output - outputs.start;
            let pair = place(self.pack, output, outputs.end, 2 * S::COUNT);
            let place = place(self.pack, output, outputs.end, S::COUNT);
            if pairs::<S>() && pair.count == 2 * S::COUNT {
                self.vectors::<S, 2, true>(lanes, lane, &pair);
                output += pair.count;
                continue;
            }
            if place.count == S::COUNT {
                self.vectors::<S, 1, true>(lanes, lane, &place);
            } else {
                self.vectors::<S, 1, false>(lanes, lane, &place);
            }
            output += place.count;
        }
    }
}

impl TransformGradient<'_> {
    /// The outputs of a place, the panel's from `lane` on.
    #[inline(always)]
    fn vectors<S: Lanes, const V: usize, const WHOLE: bool>(&self, lanes: S, lane: usize, place: &Place) {
        let Place { start, width, count } = *place;
        for input in self.inputs.clone() {
            // SAFETY: checked lengths; other tasks touch other inputs or outputs.
            unsafe {
                let at = self.from.wrapping_add(input * self.layout.columns + lane);
                let from = WeightPoints::<WHOLE> { at, stride: self.layout.stride(), count };
                let at = self.to.add(start + input * width);
                let stride = self.pack.inputs * width;
                let to = Taps::<WHOLE> { at, stride, count, turned: false, accumulate: self.accumulate };
                both_ways::<transform::WeightGradient, S, 6, 3, V>(lanes, &from, &to);
            }
        }
    }
}
