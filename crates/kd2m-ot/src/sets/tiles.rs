//! Rows of a set, read in tiles that ranks and threads share. What cannot be read ends the solve; the first reason is kept and told.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use kd2m_simd::ranks::{
    Ranks, share,
    wire::{self, Wire},
};
use rayon::prelude::*;

use super::Set;
use crate::{
    cloud::Cloud,
    error::{OtError, Side},
    moments::middle_of,
    real::Real,
    stop::{Interrupted, Stop},
};

/// Rows of a tile, at most and at least.
const ROWS: usize = 4096;
const LEAST_ROWS: usize = 64;

/// Tiles that a set is cut to at least, where it has so many rows.
const TILES: usize = 64;

/// Why a solve cannot go on: the first thing that could not be read, or is no number.
#[derive(Debug, Default)]
pub(crate) struct Fault(Mutex<Option<OtError>>);

impl Fault {
    pub(crate) fn set(&self, error: OtError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn is_set(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What was asked for, unless something could not be read.
    ///
    /// # Errors
    /// The reason, or what `found` says.
    pub(crate) fn or<R>(self, found: Result<R, OtError>) -> Result<R, OtError> {
        match self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => found,
        }
    }
}

/// Reads the rows of one set for a solve that can be ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'s, T> {
    pub set: &'s Set<'s, T>,
    pub stop: &'s Stop,
    fault: &'s Fault,
}

impl<'s, T: Real> Reader<'s, T> {
    pub(crate) fn new(set: &'s Set<'s, T>, stop: &'s Stop, fault: &'s Fault) -> Self {
        Self { set, stop, fault }
    }

    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    pub(crate) fn width(&self) -> usize {
        self.set.width()
    }

    /// Fails once the solve was told to stop, or something could not be read.
    ///
    /// # Errors
    /// [`Interrupted`]; the reason, if there is one, is the fault's.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.is_over() { Err(Interrupted) } else { Ok(()) }
    }

    /// Whether there is nothing more to be read.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_set() || self.fault.is_set()
    }

    /// Ends the solve for this reason.
    pub(crate) fn give_up(&self, why: OtError) {
        self.fault.set(why);
    }

    /// Some rows, checked. Of a solve that is over they are zeros.
    pub(crate) fn rows(&self, rows: Range<usize>) -> Tile<T> {
        let mut tile =
            Tile { side: self.set.side(), values: vec![T::zero(); rows.len() * self.width()], d: self.width() };
        if self.is_over() {
            return tile;
        }
        let read = self.set.source().read(rows.start, &mut tile.values);
        let read = read.map_err(|source| OtError::Unreadable { side: tile.side, why: source.to_string() });
        let checked = read.and_then(|()| Cloud::new(tile.side, &tile.values, rows.len(), tile.d).map(drop));
        if let Err(error) = checked {
            self.fault.set(error.in_row_from(rows.start));
            tile.values.fill(T::zero());
        }
        tile
    }

    /// The rows of these numbers, in their order.
    pub(crate) fn gathered(&self, numbers: &[usize]) -> Tile<T> {
        let mut tile =
            Tile { side: self.set.side(), values: Vec::with_capacity(numbers.len() * self.width()), d: self.width() };
        // Runs of neighbours are read at once.
        for run in numbers.chunk_by(|i, j| i + 1 == *j) {
            tile.values.extend(self.rows(run[0]..run[0] + run.len()).values);
        }
        tile
    }

    /// The tiles that the set is cut to; they do not depend on ranks or threads.
    pub(crate) fn tiles(&self) -> Vec<Range<usize>> {
        let (n, height) = (self.len(), height(self.len()));
        (0..n).step_by(height).map(|start| start..(start + height).min(n)).collect()
    }

    /// A point amid the samples, as of a cloud ([`crate::moments::middle`]).
    pub(crate) fn middle(&self) -> Vec<T> {
        middle_of(self.len(), self.width(), self.set.weights(), |i| self.rows(i..i + 1).values)
    }
}

/// Rows of a tile of a set of n.
pub(crate) fn height(n: usize) -> usize {
    n.div_ceil(TILES).clamp(LEAST_ROWS, ROWS)
}

/// Some rows in memory.
#[derive(Debug)]
pub(crate) struct Tile<T> {
    side: Side,
    pub values: Vec<T>,
    d: usize,
}

impl<T: Real> Tile<T> {
    /// The same as a cloud under uniform weights.
    pub(crate) fn cloud(&self) -> Cloud<'_, T> {
        match Cloud::new(self.side, &self.values, self.values.len() / self.d, self.d) {
            Ok(cloud) => cloud,
            Err(_) => unreachable!("rows are checked when they are read"),
        }
    }
}

/// What `of` makes of each of these pieces of work: each rank's share by its threads, all of all ranks in their order.
///
/// # Errors
/// What `check` says after this rank's share.
pub(crate) fn over_all<P: Sync, W: Wire + Send>(
    ranks: &dyn Ranks,
    work: &[P],
    check: impl Fn() -> Result<(), Interrupted>,
    of: impl Fn(&P) -> W + Sync,
) -> Result<Vec<W>, Interrupted> {
    let own = &work[share(work.len(), ranks.rank(), ranks.size())];
    let found: Vec<W> = own.par_iter().map(&of).collect();
    check()?;
    Ok(wire::gather(ranks, found))
}
