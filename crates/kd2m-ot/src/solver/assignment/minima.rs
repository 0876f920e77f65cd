//! The first pass over a matrix: row minima with their columns, the range of each row, and column minima of what is left.
//! If every row's nearest column is another one, that is already the optimal assignment, with v = 0 as its proof: clouds paired
//! sample by sample end here.

use kd2m_simd::ranks::{
    share,
    wire::{self, Wire},
};
use num_traits::Float;

use super::rows::Rows;
use crate::{
    isa::{Element, Isa, Kernel, LANES, Simd},
    pool::Pool,
    real::Real,
    stop::{Interrupted, Stop},
};

/// What the first pass found.
pub(super) struct Minima<T> {
    /// Least cost of each row.
    pub row: Vec<T>,
    /// Its column.
    pub nearest: Vec<u32>,
    /// Largest difference of two costs of a row.
    pub range: T,
    /// Least of `c_ij − row_i` over the rows that were looked at for it; infinite where none was. A start, not a bound.
    pub column: Vec<T>,
}

impl<T: Real> Minima<T> {
    /// One pass over all rows, which ranks share; column minima are left out unless they are wanted.
    pub(super) fn of<R: Rows<Element = T>>(
        isa: Isa,
        pool: &Pool,
        rows: &R,
        columns: bool,
    ) -> Result<Self, Interrupted> {
        let n = rows.size();
        let ranks = rows.ranks();
        let own = share(n, ranks.rank(), ranks.size());
        // All of a matrix that is held, by one thread; rows that are computed take memory.
        let block = rows.block(pool.size());
        let stop = pool.stop();
        let part = |from: usize| isa.run(Part { rows, from, to: (from + block).min(own.end), columns, stop });
        let mut parts: Vec<Option<Minima<T>>> = (0..own.len().div_ceil(block)).map(|_| None).collect();
        pool.share_chunks_until(&mut parts, 1, |k, out| out[0] = Some(part(own.start + k * block)))?;
        let found = Self::joined(parts.into_iter().flatten());
        if ranks.size() == 1 {
            return Ok(found);
        }
        Ok(Self::joined(wire::gather(ranks, vec![found])))
    }

    /// Those of parts that follow each other.
    fn joined(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = parts.into_iter();
        let nothing = Self { row: Vec::new(), nearest: Vec::new(), range: T::zero(), column: Vec::new() };
        let mut all = parts.next().unwrap_or(nothing);
        for part in parts {
            all.row.extend(part.row);
            all.nearest.extend(part.nearest);
            all.range = all.range.max(part.range);
            if all.column.is_empty() {
                all.column = part.column;
                continue;
            }
            for (a, b) in all.column.iter_mut().zip(part.column) {
                *a = a.min(b);
            }
        }
        all
    }
}

impl<T: Real> Wire for Minima<T> {
    fn put(&self, out: &mut Vec<u8>) {
        let wide = |values: &[T]| values.iter().map(|x| x.wide()).collect::<Vec<f64>>();
        (wide(&self.row), self.nearest.clone(), self.range.wide(), wide(&self.column)).put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (row, nearest, range, column): (Vec<f64>, Vec<u32>, f64, Vec<f64>) = Wire::take(from)?;
        let narrow = |values: Vec<f64>| values.into_iter().map(T::of).collect();
        Some(Self { row: narrow(row), nearest, range: T::of(range), column: narrow(column) })
    }
}

struct Part<'a, R> {
    rows: &'a R,
    from: usize,
    to: usize,
    columns: bool,
    stop: &'a Stop,
}

impl<R: Rows> Kernel for Part<'_, R> {
    type Output = Minima<R::Element>;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> Minima<R::Element> {
        let n = self.rows.size();
        let mut out = Minima {
            row: Vec::with_capacity(self.to - self.from),
            nearest: Vec::with_capacity(self.to - self.from),
            range: R::Element::of(0.0),
            column: vec![R::Element::INFINITE; n],
        };
        let mut wanted = vec![false; n];
        // Column minima are of use only when two rows want the same column. Each part looks at its own rows alone: were parts to tell
        // each other, the threads' timing would decide where the search begins, and so which of several optimal potentials it finds.
        let mut contested = false;
        let numbers: Vec<u32> = (self.from as u32..self.to as u32).collect();
        let mut scratch = Vec::new();
        let block = self.rows.fetch(&numbers, &mut scratch);
        for (k, &i) in numbers.iter().enumerate() {
            if self.stop.is_set() {
                break;
            }
            let row = block.row(k, i);
            let (least, nearest, most) = extremes(simd, row);
            out.range = out.range.max(most - least);
            out.row.push(least);
            out.nearest.push(nearest as u32);
            contested |= std::mem::replace(&mut wanted[nearest], true);
            if self.columns && contested {
                lower(simd, &mut out.column, row, least);
            }
        }
        out
    }
}

/// Least of a row, its first column, and the largest.
#[inline(always)]
pub(super) fn extremes<S: Simd, T: Element + Real>(simd: S, row: &[T]) -> (T, usize, T) {
    let (chunks, tail) = row.as_chunks::<LANES>();
    let (pairs, single) = chunks.as_chunks::<2>();
    let infinite = T::vsplat(simd, T::INFINITE);
    let lowest = T::vsplat(simd, -T::INFINITE);
    let (mut even, mut odd, mut high_even, mut high_odd) = (infinite, infinite, lowest, lowest);
    for [a, b] in pairs {
        let (a, b) = (T::vload(simd, a), T::vload(simd, b));
        even = T::vmin(simd, a, even);
        odd = T::vmin(simd, b, odd);
        high_even = T::vmax(simd, a, high_even);
        high_odd = T::vmax(simd, b, high_odd);
    }
    for c in single {
        let c = T::vload(simd, c);
        even = T::vmin(simd, c, even);
        high_even = T::vmax(simd, c, high_even);
    }
    let least = T::vleast(simd, T::vmin(simd, even, odd));
    let least = tail.iter().fold(least, |a, &b| if b < a { b } else { a });
    let negated = T::vsub(simd, T::vsplat(simd, T::of(0.0)), T::vmax(simd, high_even, high_odd));
    let most = tail.iter().fold(-T::vleast(simd, negated), |a, &b| if b > a { b } else { a });
    (least, position(simd, row, least), most)
}

/// Where a row first has this value.
#[inline(always)]
fn position<S: Simd, T: Element>(simd: S, row: &[T], value: T) -> usize {
    let (chunks, tail) = row.as_chunks::<LANES>();
    let wanted = T::vsplat(simd, value);
    for (k, chunk) in chunks.iter().enumerate() {
        let bits = simd.bits(T::vequal(simd, T::vload(simd, chunk), wanted));
        if bits != 0 {
            return k * LANES + bits.trailing_zeros() as usize;
        }
    }
    chunks.len() * LANES + tail.iter().position(|&c| c == value).unwrap_or(0)
}

/// Lowers column minima to `row − least`.
#[inline(always)]
fn lower<S: Simd, T: Element + Real>(simd: S, minima: &mut [T], row: &[T], least: T) {
    let (row_chunks, row_tail) = row.as_chunks::<LANES>();
    let (chunks, tail) = minima.as_chunks_mut::<LANES>();
    let offset = T::vsplat(simd, least);
    for (m, c) in chunks.iter_mut().zip(row_chunks) {
        let left = T::vsub(simd, T::vload(simd, c), offset);
        T::vstore(simd, T::vmin(simd, left, T::vload(simd, m)), m);
    }
    for (m, &c) in tail.iter_mut().zip(row_tail) {
        *m = if c - least < *m { c - least } else { *m };
    }
}
