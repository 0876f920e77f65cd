//! The first pass over a matrix: row minima with their columns, the range of each row, and column minima of what is left.
//! If every row's nearest column is another one, that is already the optimal assignment, with v = 0 as its proof: clouds paired
//! sample by sample end here.

use num_traits::Float;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::rows::Rows;
use crate::{
    isa::{Element, Isa, Kernel, LANES, Simd},
    real::Real,
};

/// What the first pass found.
pub struct Minima<T> {
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
    /// One pass over all rows, in parallel where `parallel`.
    pub fn of<R: Rows<Element = T>>(isa: Isa, rows: &R, parallel: bool) -> Self {
        let n = rows.size();
        // Column minima are of use only when two rows want the same column.
        let contested = AtomicBool::new(false);
        let block = if parallel { rows.block() } else { n };
        let part = |from: usize| isa.run(Part { rows, from, to: (from + block).min(n), contested: &contested });
        let starts = (0..n).into_par_iter().step_by(block);
        let parts: Vec<Minima<T>> = if parallel { starts.map(part).collect() } else { vec![part(0)] };
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else { unreachable!("a matrix has rows") };
        for part in parts {
            all.row.extend(part.row);
            all.nearest.extend(part.nearest);
            all.range = all.range.max(part.range);
            for (a, b) in all.column.iter_mut().zip(part.column) {
                *a = a.min(b);
            }
        }
        all
    }
}

struct Part<'a, R> {
    rows: &'a R,
    from: usize,
    to: usize,
    contested: &'a AtomicBool,
}

impl<R: Rows> Kernel for Part<'_, R> {
    type Output = Minima<R::Element>;

    #[inline(always)]
    fn call<S: Simd>(self, _: S) -> Minima<R::Element> {
        let n = self.rows.size();
        let mut out = Minima {
            row: Vec::with_capacity(self.to - self.from),
            nearest: Vec::with_capacity(self.to - self.from),
            range: R::Element::of(0.0),
            column: vec![R::Element::INFINITE; n],
        };
        let mut wanted = vec![false; n];
        let numbers: Vec<u32> = (self.from as u32..self.to as u32).collect();
        let mut scratch = Vec::new();
        let block = self.rows.fetch(&numbers, &mut scratch);
        for (k, &i) in numbers.iter().enumerate() {
            let row = block.row(k, i);
            let (least, most) = extremes(row);
            let nearest = position(row, least);
            out.range = out.range.max(most - least);
            out.row.push(least);
            out.nearest.push(nearest as u32);
            if std::mem::replace(&mut wanted[nearest], true) {
                self.contested.store(true, Relaxed);
            }
            if self.contested.load(Relaxed) {
                for (m, &c) in out.column.iter_mut().zip(row) {
                    let left = c - least;
                    *m = if left < *m { left } else { *m };
                }
            }
        }
        out
    }
}

/// Least and largest of a row.
#[inline(always)]
fn extremes<T: Element + Real>(row: &[T]) -> (T, T) {
    let (chunks, tail) = row.as_chunks::<{ 2 * LANES }>();
    let (mut least, mut most) = ([T::INFINITE; 2 * LANES], [-T::INFINITE; 2 * LANES]);
    for chunk in chunks {
        for k in 0..2 * LANES {
            least[k] = if chunk[k] < least[k] { chunk[k] } else { least[k] };
            most[k] = if chunk[k] > most[k] { chunk[k] } else { most[k] };
        }
    }
    let least = least.iter().chain(tail).fold(T::INFINITE, |a, &b| if b < a { b } else { a });
    let most = most.iter().chain(tail).fold(-T::INFINITE, |a, &b| if b > a { b } else { a });
    (least, most)
}

/// Where a row has this value.
#[inline(always)]
fn position<T: Element>(row: &[T], value: T) -> usize {
    let (chunks, _) = row.as_chunks::<LANES>();
    let mut base = 0;
    for chunk in chunks {
        let mut found = false;
        for &c in chunk {
            found |= c == value;
        }
        if found {
            break;
        }
        base += LANES;
    }
    let within = row[base..].iter().position(|&c| c == value);
    base + within.unwrap_or(0)
}
