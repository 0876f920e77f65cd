//! Tiles of a map in `[h][w][n][c]`: gathered and transformed into panels, and products transformed back and stored.
//! A row of the panels is one tile of one sample, samples innermost; what lies outside the map reads a row of zeros and is not stored.
//! Read next: `products.rs`, what happens between the two.

use std::{marker::PhantomData, ops::Range};

use super::{
    panels::Panels,
    transform::{self, Sink, Source, Transform, both_ways},
};
use crate::{
    conv::Epilogue,
    isa::{Kernel, Lanes},
};

/// Outputs of a tile in each direction.
pub(super) const TILE: usize = 4;
/// Inputs of a tile in each direction.
pub(super) const PATCH: usize = 6;

/// The tiles of a batch of maps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    pub height: usize,
    pub width: usize,
    pub n: usize,
}

impl Tiling {
    fn across(&self) -> usize {
        self.width.div_ceil(TILE)
    }

    /// Rows of the panels for all tiles of all samples.
    pub fn rows(&self) -> usize {
        self.height.div_ceil(TILE) * self.across() * self.n
    }

    /// The first output of a row's tile and its sample.
    fn place(&self, row: usize) -> (usize, usize, usize) {
        let (tile, sample) = (row / self.n, row % self.n);
        (tile / self.across() * TILE, tile % self.across() * TILE, sample)
    }

    /// Where the channels of a position of a sample start, in rows of channels; none outside the map.
    #[inline(always)]
    fn position(&self, y: isize, x: isize, sample: usize) -> Option<usize> {
        let inside = (0..self.height as isize).contains(&y) && (0..self.width as isize).contains(&x);
        inside.then(|| (y as usize * self.width + x as usize) * self.n + sample)
    }
}

/// Transforms tiles of a map into panels: patches of 6×6 by Bᵀ, or tiles of 4×4 of a gradient by A.
pub(super) struct Gather<'a, T> {
    pub transform: PhantomData<T>,
    pub tiling: Tiling,
    pub map: &'a [f32],
    pub channels: usize,
    /// At least as many as the channels.
    pub zeros: &'a [f32],
    /// Which rows of the tiling.
    pub rows: Range<usize>,
    pub panels: Panels,
    /// The row of the panels for the first of `rows`.
    pub first: usize,
    /// All 36 matrices; other tasks write other rows of them.
    pub to: *mut f32,
}

/// How a transform of inputs lies over the map.
pub(super) trait Patch<const SIDE: usize>: Transform<SIDE, PATCH> {
    /// Positions that the patch begins before its tile.
    const BEFORE: isize;
}

impl Patch<PATCH> for transform::Input {
    const BEFORE: isize = 1;
}

impl Patch<TILE> for transform::OutputGradient {
    const BEFORE: isize = 0;
}

/// Pointers to the channels of a patch; each may be read for `count` numbers at `channel`.
struct PatchSource<const SIDE: usize> {
    cells: [[*const f32; SIDE]; SIDE],
    channel: usize,
    count: usize,
}

impl<S: Lanes, const SIDE: usize> Source<S> for PatchSource<SIDE> {
    #[inline(always)]
    unsafe fn load(&self, lanes: S, row: usize, column: usize) -> S::F32 {
        // SAFETY: the promise of the type.
        unsafe {
            let cell = self.cells[row][column].add(self.channel);
            if self.count == S::COUNT { lanes.load(cell) } else { lanes.load_first(self.count, cell) }
        }
    }
}

/// One number of each of the 36 matrices, `stride` apart; a vector may be written at, or read from, each.
struct PointCells {
    at: *mut f32,
    stride: usize,
}

impl<S: Lanes> Sink<S> for PointCells {
    #[inline(always)]
    unsafe fn store(&self, lanes: S, row: usize, column: usize, value: S::F32) {
        // SAFETY: the promise of the type.
        unsafe { lanes.store(self.at.add((row * PATCH + column) * self.stride), value) }
    }
}

impl<S: Lanes> Source<S> for PointCells {
    #[inline(always)]
    unsafe fn load(&self, lanes: S, row: usize, column: usize) -> S::F32 {
        // SAFETY: the promise of the type.
        unsafe { lanes.load(self.at.add((row * PATCH + column) * self.stride)) }
    }
}

impl<T> Gather<'_, T> {
    /// # Safety
    /// `to` may be written for the panels' length, by no one else in these rows; `map` and `zeros` are as long as said.
    #[inline(always)]
    unsafe fn gather<S: Lanes, const SIDE: usize>(self, lanes: S)
    where
        T: Patch<SIDE>,
    {
        let padded = self.panels.padded();
        for (i, row) in self.rows.enumerate() {
            let (y, x, sample) = self.tiling.place(row);
            let mut cells = [[self.zeros.as_ptr(); SIDE]; SIDE];
            for (dy, line) in cells.iter_mut().enumerate() {
                for (dx, cell) in line.iter_mut().enumerate() {
                    let (y, x) = ((y + dy) as isize - T::BEFORE, (x + dx) as isize - T::BEFORE);
                    if let Some(position) = self.tiling.position(y, x, sample) {
                        // SAFETY: the map holds all positions.
                        *cell = unsafe { self.map.as_ptr().add(position * self.channels) };
                    }
                }
            }
            let mut channel = 0;
            while channel < padded {
                let count = self.channels.saturating_sub(channel).min(S::COUNT);
                // A vector of padding alone reads no memory, wherever its pointer is.
                let from = PatchSource { cells, channel: if count == 0 { 0 } else { channel }, count };
                // SAFETY: a vector lies inside a panel, whose width is a multiple of it.
                unsafe {
                    let at = self.to.add(self.panels.at(self.first + i, channel));
                    both_ways::<T, S, SIDE, PATCH>(lanes, &from, &PointCells { at, stride: self.panels.stride() });
                }
                channel += S::COUNT;
            }
        }
    }
}

impl Kernel for Gather<'_, transform::Input> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        // SAFETY: promised where the kernel is made.
        unsafe { self.gather::<S, PATCH>(lanes) }
    }
}

impl Kernel for Gather<'_, transform::OutputGradient> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        // SAFETY: promised where the kernel is made.
        unsafe { self.gather::<S, TILE>(lanes) }
    }
}

/// Transforms products back into tiles of the output and stores what lies inside the map.
pub(super) struct Scatter<'a> {
    pub tiling: Tiling,
    pub panels: Panels,
    /// The row of the panels for the first of `rows`.
    pub first: usize,
    /// All 36 matrices.
    pub from: *const f32,
    /// Which rows of the tiling.
    pub rows: Range<usize>,
    /// Which channels of the map the panels hold; starts at a multiple of the vector.
    pub columns: Range<usize>,
    /// Channels of the map.
    pub channels: usize,
    /// The whole map; other tasks write other tiles or channels.
    pub map: *mut f32,
    pub epilogue: Epilogue<'a>,
}

/// The outputs of a tile, `count` numbers each; those outside the map are null.
struct TileSink<'a> {
    map: *mut f32,
    cells: [[usize; TILE]; TILE],
    channel: usize,
    count: usize,
    epilogue: &'a Epilogue<'a>,
}

/// In place of an offset: outside the map.
const OUTSIDE: usize = usize::MAX;

impl<S: Lanes> Sink<S> for TileSink<'_> {
    #[inline(always)]
    unsafe fn store(&self, lanes: S, row: usize, column: usize, value: S::F32) {
        let at = self.cells[row][column];
        if at == OUTSIDE {
            return;
        }
        let whole = self.count == S::COUNT;
        // SAFETY: the map, the residual and the bias hold `count` numbers here.
        unsafe {
            let load = |from: *const f32| if whole { lanes.load(from) } else { lanes.load_first(self.count, from) };
            let at = at + self.channel;
            let target = self.map.add(at);
            let mut value = value;
            if self.epilogue.accumulate {
                value = lanes.add(value, load(target));
            }
            if let Some(bias) = self.epilogue.bias {
                value = lanes.add(value, load(bias.as_ptr().add(self.channel)));
            }
            if let Some(residual) = self.epilogue.residual {
                value = lanes.add(value, load(residual.as_ptr().add(at)));
            }
            if self.epilogue.is_limited() {
                let (low, high) = self.epilogue.limits;
                value = lanes.min(lanes.splat(high), lanes.max(lanes.splat(low), value));
            }
            if whole { lanes.store(target, value) } else { lanes.store_first(self.count, target, value) }
        }
    }
}

impl Kernel for Scatter<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        for (i, row) in self.rows.enumerate() {
            let (y, x, sample) = self.tiling.place(row);
            let mut cells = [[OUTSIDE; TILE]; TILE];
            for (dy, line) in cells.iter_mut().enumerate() {
                for (dx, cell) in line.iter_mut().enumerate() {
                    if let Some(position) = self.tiling.position((y + dy) as isize, (x + dx) as isize, sample) {
                        *cell = position * self.channels;
                    }
                }
            }
            let mut channel = self.columns.start;
            while channel < self.columns.end {
                let count = (self.columns.end - channel).min(S::COUNT);
                let to = TileSink { map: self.map, cells, channel, count, epilogue: &self.epilogue };
                // SAFETY: the panels hold whole vectors for these channels; the map is promised where the kernel is made.
                unsafe {
                    let at = self.from.add(self.panels.at(self.first + i, channel - self.columns.start)).cast_mut();
                    let from = PointCells { at, stride: self.panels.stride() };
                    both_ways::<transform::Output, S, PATCH, TILE>(lanes, &from, &to);
                }
                channel += S::COUNT;
            }
        }
    }
}
