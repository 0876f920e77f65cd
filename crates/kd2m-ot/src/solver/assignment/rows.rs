//! Where the rows of a cost matrix come from, and how they are seen as integers.
//! In fixed point all sums, differences and comparisons of the search are exact: no tolerance, no drift, ties are ties.

use kd2m_simd::ranks::{Alone, Ranks};

use crate::{
    cost::Rounded,
    isa::{Element, LANES, Simd},
    real::Real,
    solver::costs::Costs,
    stop::Interrupted,
};

/// A square cost matrix by rows, held or computed.
pub(crate) trait Rows: Sync {
    type Element: Element + Real;

    /// Number of rows and columns.
    fn size(&self) -> usize;

    /// Makes some rows available; sources that compute rows put them into `scratch`. No more than [`Rows::block`] at a time.
    fn fetch<'s>(&'s self, rows: &[u32], scratch: &'s mut Vec<Self::Element>) -> Fetched<'s, Self::Element>;

    /// The same for the thread that leads the others while they wait: rows that must be computed are shared among all.
    fn fetch_together<'s>(&'s self, rows: &[u32], scratch: &'s mut Vec<Self::Element>) -> Fetched<'s, Self::Element> {
        self.fetch(rows, scratch)
    }

    /// One row for all ranks, which ask for it at the same place of the solve: it is computed once, each rank its part.
    fn fetch_by_all<'s>(&'s self, row: u32, scratch: &'s mut Vec<Self::Element>) -> Fetched<'s, Self::Element> {
        self.fetch_together(&[row], scratch)
    }

    /// Who shares the passes over all rows: each takes its part of them, and all are told what all have found.
    fn ranks(&self) -> &dyn Ranks {
        &Alone
    }

    /// Is told column potentials, in fixed point, that are worth beginning from another time.
    ///
    /// # Errors
    /// They could not be kept, which ends the solve.
    fn keep(&self, _v: &[i32], _scale: f64) -> Result<(), Interrupted> {
        Ok(())
    }

    /// How far an entry of row `i`, computed as `row`, may lie from the exact cost.
    fn rounding(&self, _i: usize, _row: &[Self::Element]) -> f64 {
        0.0
    }

    /// The exact cost of a pair in `f64`, where entries are rounded.
    fn exact(&self, _i: usize, _j: usize) -> Option<f64> {
        None
    }

    /// How far that exact cost may itself lie from real arithmetic's.
    fn doubt(&self, _i: usize, _j: usize, _cost: f64) -> f64 {
        0.0
    }

    /// Rows to list anew at a time: one where rows are held, tens for each thread of all ranks where they are computed.
    fn batch(&self) -> usize {
        1
    }

    /// How many rows one of several tasks for `threads` should take, so that there is work for all of them and a computed block
    /// fills its tile.
    fn block(&self, threads: usize) -> usize {
        if threads == 1 { self.size() } else { self.size().div_ceil(8 * threads) }
    }
}

/// A matrix held in memory, row-major `[n, n]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    cost: &'a [T],
    n: usize,
}

impl<'a, T: Real> Matrix<'a, T> {
    /// A view; `cost` holds n² values.
    pub(crate) fn new(cost: &'a [T], n: usize) -> Self {
        debug_assert_eq!(cost.len(), n * n);
        Self { cost, n }
    }
}

impl<T: Real> Rows for Matrix<'_, T> {
    type Element = T;

    fn size(&self) -> usize {
        self.n
    }

    #[inline(always)]
    fn fetch<'s>(&'s self, _: &[u32], _: &'s mut Vec<T>) -> Fetched<'s, T> {
        Fetched::held(self.cost, self.n)
    }
}

/// A held matrix whose entries are known to be exact: where fixed point leaves something open, single entries are looked at again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled<'a, T>(pub Matrix<'a, T>);

impl<T: Real> Rows for Settled<'_, T> {
    type Element = T;

    fn size(&self) -> usize {
        self.0.n
    }

    #[inline(always)]
    fn fetch<'s>(&'s self, rows: &[u32], scratch: &'s mut Vec<T>) -> Fetched<'s, T> {
        self.0.fetch(rows, scratch)
    }

    fn exact(&self, i: usize, j: usize) -> Option<f64> {
        Some(self.0.cost[i * self.0.n + j].wide())
    }
}

/// A held matrix whose entries are rounded, with the costs that they stand for.
pub(crate) struct Bounded<'p, 'r, T: Real, C> {
    pub rounded: &'p Rounded<'r, T>,
    pub exact: &'p C,
}

impl<T: Real, C: Costs> Rows for Bounded<'_, '_, T, C> {
    type Element = T;

    fn size(&self) -> usize {
        self.rounded.columns
    }

    #[inline(always)]
    fn fetch<'s>(&'s self, _: &[u32], _: &'s mut Vec<T>) -> Fetched<'s, T> {
        Fetched::held(&self.rounded.cost, self.rounded.columns)
    }

    fn rounding(&self, i: usize, row: &[T]) -> f64 {
        self.rounded.bound(i, row.iter().fold(0.0, |most: f64, c| most.max(c.wide().abs())))
    }

    fn exact(&self, i: usize, j: usize) -> Option<f64> {
        Some(self.exact.pair(i, j))
    }

    fn doubt(&self, _: usize, _: usize, cost: f64) -> f64 {
        self.exact.relative_error() * cost
    }
}

/// Some rows of a matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetched<'a, T> {
    values: &'a [T],
    n: usize,
    /// True if `values` is the whole matrix, false if it holds only the rows asked for.
    held: bool,
}

impl<'a, T> Fetched<'a, T> {
    /// Of a whole matrix with n columns.
    pub(crate) fn held(values: &'a [T], n: usize) -> Self {
        Self { values, n, held: true }
    }

    /// Only the rows that were asked for.
    pub(crate) fn only(values: &'a [T], n: usize) -> Self {
        Self { values, n, held: false }
    }

    /// Row `i`, the `k`-th of those asked for.
    #[inline(always)]
    pub(crate) fn row(&self, k: usize, i: u32) -> &'a [T] {
        let at = if self.held { i as usize } else { k };
        &self.values[at * self.n..(at + 1) * self.n]
    }
}

/// Stands for infinity in fixed point: above every path, and its difference with any potential still fits.
pub(crate) const FAR: i32 = 0x2fff_ffff;

/// Bits of the largest reduced cost. Four times as much, the largest potential after three auctions and the search, still fits.
pub(crate) const BITS: i32 = 27;

/// Row i in fixed point is `trunc((c_ij − offset_i) · scale)`, with the row's minimum as offset: that spends the bits on what differs.
#[derive(Debug, Clone)]
pub(crate) struct FixedPoint<T> {
    pub offsets: Vec<T>,
    pub scale: T,
}

impl<T: Real> FixedPoint<T> {
    /// The finest power of two that holds reduced costs up to `range`.
    pub(crate) fn new(offsets: Vec<T>, range: T) -> Self {
        let range = range.wide();
        let exponent = if range > 0.0 { (BITS - range.log2().ceil() as i32).clamp(-120, 120) } else { 0 };
        Self { offsets, scale: T::of(2f64.powi(exponent)) }
    }
}

/// Length of column arrays: whole blocks of 64, with at least one dummy column behind the last.
pub(crate) fn padded(n: usize) -> usize {
    (n + 1).next_multiple_of(64)
}

/// The last columns of a row, fewer than sixteen, as integers; lanes beyond them are [`FAR`].
#[inline(always)]
pub(crate) fn fixed_tail<S: Simd, T: Element>(simd: S, tail: &[T], offset: T, scale: T) -> S::I {
    let mut lanes = [offset; LANES];
    lanes[..tail.len()].copy_from_slice(tail);
    let inside = simd.mask((1 << tail.len()) - 1);
    simd.select(inside, T::fixed(simd, &lanes, offset, scale), simd.splat(FAR))
}
