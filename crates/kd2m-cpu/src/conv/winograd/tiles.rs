//! Tiles of a map in `[h][w][n][c]`: gathered and transformed into panels, and products transformed back and stored.
//! A row of the panels is one tile of one sample, samples innermost; what lies outside the map reads a row of zeros and is not stored.
//! Read next: `products.rs`, what happens between the two.

use std::{marker::PhantomData, ops::Range};

use super::{
    panels::Panels,
    transform::{self, Sink, Source, Transform, both_ways, pairs},
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

    /// Rows in runs of one tile: how many rows came before, the tile's first output (y, x) and the samples.
    fn runs(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, (usize, usize, Range<usize>))> {
        let Tiling { n, .. } = *self;
        let across = self.across();
        (rows.start / n..rows.end.div_ceil(n)).map(move |tile| {
            let first = rows.start.max(tile * n);
            let samples = first - tile * n..rows.end.min((tile + 1) * n) - tile * n;
            (first - rows.start, (tile / across * TILE, tile % across * TILE, samples))
        })
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

/// Pointers to the channels of a patch for one sample, and how far each moves to the next sample: not at all where it points at zeros.
struct Cells<const SIDE: usize> {
    at: [[*const f32; SIDE]; SIDE],
    step: [[usize; SIDE]; SIDE],
}

impl<const SIDE: usize> Cells<SIDE> {
    #[inline(always)]
    fn advance(&mut self) {
        for (line, steps) in self.at.iter_mut().zip(&self.step) {
            for (cell, step) in line.iter_mut().zip(steps) {
                *cell = cell.wrapping_add(*step);
            }
        }
    }
}

/// The channels of a patch from `channel` on: whole vectors, or `count` numbers.
struct PatchSource<'a, const SIDE: usize, const WHOLE: bool> {
    cells: &'a [[*const f32; SIDE]; SIDE],
    channel: usize,
    count: usize,
}

impl<S: Lanes, const SIDE: usize, const WHOLE: bool> Source<S> for PatchSource<'_, SIDE, WHOLE> {
    #[inline(always)]
    unsafe fn load(&self, lanes: S, row: usize, column: usize, vector: usize) -> S::F32 {
        // SAFETY: the promise of the type.
        unsafe {
            let cell = self.cells[row][column].add(self.channel + vector * S::COUNT);
            if WHOLE { lanes.load(cell) } else { lanes.load_first(self.count, cell) }
        }
    }
}

/// One number of each of the 36 matrices, `stride` apart; vectors may be written at, or read from, each.
struct PointCells {
    at: *mut f32,
    stride: usize,
}

impl<S: Lanes> Sink<S> for PointCells {
    #[inline(always)]
    unsafe fn store(&self, lanes: S, row: usize, column: usize, vector: usize, value: S::F32) {
        // SAFETY: the promise of the type.
        unsafe { lanes.store(self.at.add((row * PATCH + column) * self.stride + vector * S::COUNT), value) }
    }
}

impl<S: Lanes> Source<S> for PointCells {
    #[inline(always)]
    unsafe fn load(&self, lanes: S, row: usize, column: usize, vector: usize) -> S::F32 {
        // SAFETY: the promise of the type.
        unsafe { lanes.load(self.at.add((row * PATCH + column) * self.stride + vector * S::COUNT)) }
    }
}

impl<T> Gather<'_, T> {
    /// The cells of a tile for a sample.
    #[inline(always)]
    fn cells<const SIDE: usize>(&self, y: usize, x: usize, sample: usize) -> Cells<SIDE>
    where
        T: Patch<SIDE>,
    {
        let mut cells = Cells { at: [[self.zeros.as_ptr(); SIDE]; SIDE], step: [[0; SIDE]; SIDE] };
        for dy in 0..SIDE {
            for dx in 0..SIDE {
                let (y, x) = ((y + dy) as isize - T::BEFORE, (x + dx) as isize - T::BEFORE);
                if let Some(position) = self.tiling.position(y, x, sample) {
                    cells.at[dy][dx] = self.map[position * self.channels..].as_ptr();
                    cells.step[dy][dx] = self.channels;
                }
            }
        }
        cells
    }

    /// # Safety
    /// `to` may be written for the panels' length, by no one else in these rows; `map` and `zeros` are as long as said.
    #[inline(always)]
    unsafe fn gather<S: Lanes, const SIDE: usize>(self, lanes: S)
    where
        T: Patch<SIDE>,
    {
        let (padded, stride) = (self.panels.padded(), self.panels.stride());
        for (first, (y, x, samples)) in self.tiling.runs(self.rows.clone()) {
            let mut cells = self.cells(y, x, samples.start);
            for i in 0..samples.len() {
                let row = self.first + first + i;
                let mut channel = 0;
                while pairs::<S>() && channel + 2 * S::COUNT <= self.channels {
                    // SAFETY: both vectors lie inside a panel, whose width is a multiple of a line.
                    unsafe {
                        let to = PointCells { at: self.to.add(self.panels.at(row, channel)), stride };
                        let from = PatchSource::<SIDE, true> { cells: &cells.at, channel, count: S::COUNT };
                        both_ways::<T, S, SIDE, PATCH, 2>(lanes, &from, &to);
                    }
                    channel += 2 * S::COUNT;
                }
                while channel < padded {
                    let count = self.channels.saturating_sub(channel).min(S::COUNT);
                    // SAFETY: a vector lies inside a panel, whose width is a multiple of it; one of padding alone reads no memory.
                    unsafe {
                        let to = PointCells { at: self.to.add(self.panels.at(row, channel)), stride };
                        if count == S::COUNT {
                            let from = PatchSource::<SIDE, true> { cells: &cells.at, channel, count };
                            both_ways::<T, S, SIDE, PATCH, 1>(lanes, &from, &to);
                        } else {
                            let channel = if count == 0 { 0 } else { channel };
                            let from = PatchSource::<SIDE, false> { cells: &cells.at, channel, count };
                            both_ways::<T, S, SIDE, PATCH, 1>(lanes, &from, &to);
                        }
                    }
                    channel += S::COUNT;
                }
                cells.advance();
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

/// The outputs of a tile from `channel` on: whole vectors or `count` numbers, in those cells that are inside the map; `PLAIN`: stored
/// as they are.
struct TileSink<'a, F32, const V: usize, const WHOLE: bool, const PLAIN: bool> {
    map: *mut f32,
    cells: &'a [[usize; TILE]; TILE],
    channel: usize,
    count: usize,
    epilogue: &'a Epilogue<'a>,
    /// Of these channels.
    bias: [F32; V],
    low: F32,
    high: F32,
}

/// In place of an offset: outside the map.
const OUTSIDE: usize = usize::MAX;

impl<S: Lanes, const V: usize, const WHOLE: bool, const PLAIN: bool> Sink<S> for TileSink<'_, S::F32, V, WHOLE, PLAIN> {
    #[inline(always)]
    unsafe fn store(&self, lanes: S, row: usize, column: usize, vector: usize, value: S::F32) {
        let at = self.cells[row][column];
        if at == OUTSIDE {
            return;
        }
        // SAFETY: the map and the residual hold `count` numbers here.
        unsafe {
            let load = |from: *const f32| if WHOLE { lanes.load(from) } else { lanes.load_first(self.count, from) };
            let at = at + self.channel + vector * S::COUNT;
            let target = self.map.add(at);
            let mut value = value;
            if !PLAIN {
                if self.epilogue.accumulate {
                    value = lanes.add(value, load(target));
                }
                value = lanes.add(value, self.bias[vector]);
                if let Some(residual) = self.epilogue.residual {
                    value = lanes.add(value, load(residual.as_ptr().add(at)));
                }
                value = lanes.min(self.high, lanes.max(self.low, value));
            }
            if WHOLE { lanes.store(target, value) } else { lanes.store_first(self.count, target, value) }
        }
    }
}

impl Scatter<'_> {
    /// Where the cells of a tile start for a sample.
    #[inline(always)]
    fn cells(&self, y: usize, x: usize, sample: usize) -> [[usize; TILE]; TILE] {
        std::array::from_fn(|dy| {
            std::array::from_fn(|dx| {
                let position = self.tiling.position((y + dy) as isize, (x + dx) as isize, sample);
                position.map_or(OUTSIDE, |position| position * self.channels)
            })
        })
    }

    /// V vectors of a row's tile.
    ///
    /// # Safety
    /// The panels hold so many vectors from `channel` on, of which the map has `count` numbers each; the cells are the tile's.
    #[inline(always)]
    unsafe fn vectors<S: Lanes, const V: usize, const WHOLE: bool, const PLAIN: bool>(
        &self,
        lanes: S,
        row: usize,
        channel: usize,
        count: usize,
        cells: &[[usize; TILE]; TILE],
    ) {
        let (map, epilogue) = (self.map, &self.epilogue);
        let (low, high) = (lanes.splat(epilogue.limits.0), lanes.splat(epilogue.limits.1));
        // SAFETY: the caller's promise; a bias has all channels.
        unsafe {
            let mut bias = [lanes.zero(); V];
            if let Some(from) = epilogue.bias {
                for (v, bias) in bias.iter_mut().enumerate() {
                    *bias = lanes.load_first(count, from.as_ptr().add(channel + v * S::COUNT));
                }
            }
            let at = self.from.add(self.panels.at(row, channel - self.columns.start)).cast_mut();
            let from = PointCells { at, stride: self.panels.stride() };
            let to = TileSink::<_, V, WHOLE, PLAIN> { map, cells, channel, count, epilogue, bias, low, high };
            both_ways::<transform::Output, S, PATCH, TILE, V>(lanes, &from, &to);
        }
    }
}

impl Kernel for Scatter<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let Epilogue { accumulate, bias, residual, .. } = self.epilogue;
        if accumulate || bias.is_some() || residual.is_some() || self.epilogue.is_limited() {
            self.scatter::<S, false>(lanes);
        } else {
            self.scatter::<S, true>(lanes);
        }
    }
}

impl Scatter<'_> {
    #[inline(always)]
    fn scatter<S: Lanes, const PLAIN: bool>(self, lanes: S) {
        for (first, (y, x, samples)) in self.tiling.runs(self.rows.clone()) {
            let mut cells = self.cells(y, x, samples.start);
            for i in 0..samples.len() {
                let row = self.first + first + i;
                let mut channel = self.columns.start;
                // SAFETY: the panels hold whole vectors for these channels, and whole lines where these begin; the map is promised
                // where the kernel is made.
                unsafe {
                    while pairs::<S>() && channel + 2 * S::COUNT <= self.columns.end {
                        self.vectors::<S, 2, true, PLAIN>(lanes, row, channel, S::COUNT, &cells);
                        channel += 2 * S::COUNT;
                    }
                    while channel < self.columns.end {
                        let count = (self.columns.end - channel).min(S::COUNT);
                        if count == S::COUNT {
                            self.vectors::<S, 1, true, PLAIN>(lanes, row, channel, count, &cells);
                        } else {
                            self.vectors::<S, 1, false, PLAIN>(lanes, row, channel, count, &cells);
                        }
                        channel += S::COUNT;
                    }
                }
                for cell in cells.as_flattened_mut() {
                    *cell = if *cell == OUTSIDE { OUTSIDE } else { *cell + self.channels };
                }
            }
        }
    }
}
