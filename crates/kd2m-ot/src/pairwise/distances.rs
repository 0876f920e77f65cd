//! All squared distances of two small clouds at once, for kernels that read them twice: once for their median, once for the sum.
//! Larger clouds are read in tiles each time, so that memory stays O(n). Next: [`super::bandwidth`].

use std::ops::Range;

use faer::{Accum, Par};
use rayon::prelude::*;

use super::{
    kernel,
    points::{Points, TILE_ROWS},
};
use crate::{
    matrix::{view, view_mut},
    real::Real,
    stop::{Interrupted, Stop},
};

/// Above this many entries they are not kept (64 MiB in `f32`).
const KEEP: usize = 1 << 24;
/// Rows that one task computes.
const ROWS: usize = 64;
/// Below this many multiply–adds one core is faster than waking the second.
const PARALLEL_FROM: usize = 1 << 21;

/// ‖x_i − x_j‖² `[n, n]`, ‖x_i − y_j‖² `[n, m]` and ‖y_i − y_j‖² `[m, m]`; of the symmetric ones entries may be missing
/// that lie more than a tile below the diagonal.
pub(crate) struct Distances<T> {
    aa: Vec<T>,
    ab: Vec<T>,
    bb: Vec<T>,
    n: usize,
    m: usize,
}

impl<T: Real> Distances<T> {
    /// `None` for clouds too large to keep them. `all_of_a`: the block of A in full, as a gradient needs it.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn of(a: &Points<T>, b: &Points<T>, all_of_a: bool, stop: &Stop) -> Result<Option<Self>, Interrupted> {
        let (n, m) = (a.len(), b.len());
        if n * n + n * m + m * m > KEEP {
            return Ok(None);
        }
        let mut found =
            Self { aa: vec![T::zero(); n * n], ab: vec![T::zero(); n * m], bb: vec![T::zero(); m * m], n, m };
        let mut tasks = Vec::new();
        let blocks = [(a, a, &mut found.aa, !all_of_a), (a, b, &mut found.ab, false), (b, b, &mut found.bb, true)];
        for (x, y, block, half) in blocks {
            for (k, chunk) in block.chunks_mut(ROWS * y.len()).enumerate() {
                let rows = k * ROWS..(k * ROWS + ROWS).min(x.len());
                let columns = if half { rows.start.saturating_sub(TILE_ROWS)..y.len() } else { 0..y.len() };
                tasks.push((x, y, chunk, rows, columns));
            }
        }
        let run = |(x, y, chunk, rows, columns)| {
            if !stop.is_set() {
                fill(x, y, chunk, rows, columns);
            }
        };
        if (n * n + n * m + m * m) * a.width() < PARALLEL_FROM {
            tasks.into_iter().for_each(run);
        } else {
            tasks.into_par_iter().for_each(run);
        }
        stop.check()?;
        Ok(Some(found))
    }

    /// Rows of A with A (`of_a` and `own`), A with B, or B with B, row-major over all columns.
    pub(crate) fn rows(&self, of_a: bool, own: bool, rows: &Range<usize>) -> &[T] {
        let (block, width) = match (of_a, own) {
            (true, true) => (&self.aa, self.n),
            (false, true) => (&self.bb, self.m),
            (_, false) => (&self.ab, self.m),
        };
        &block[rows.start * width..rows.end * width]
    }
}

/// The squared distances of some rows of x from some columns of y, in their place among all columns.
fn fill<T: Real>(x: &Points<T>, y: &Points<T>, chunk: &mut [T], rows: Range<usize>, columns: Range<usize>) {
    let d = x.width();
    let mut whole = view_mut(chunk, rows.len(), y.len());
    let tile = whole.as_mut().subcols_mut(columns.start, columns.len());
    let (xs, ys) = (view(x.rows(&rows), rows.len(), d), view(y.rows(&columns), columns.len(), d));
    T::multiply(tile, Accum::Replace, xs, ys.transpose(), Par::Seq);
    let own = std::ptr::eq(x, y);
    for (i, row) in rows.zip(chunk.chunks_exact_mut(y.len())) {
        let row = &mut row[columns.clone()];
        kernel::squared_distances(row, x.norm(i), y.norms(&columns));
        let diagonal = own.then(|| i - columns.start);
        if let Some(at) = diagonal {
            row[at] = T::zero();
        }
        x.replace_close(i, y, &columns, row, diagonal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cloud, Side, cost::squared_distance, testing};

    #[test]
    fn every_entry_is_the_squared_distance() {
        let (n, m, d) = (70, 131, 5);
        let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        let (a, b) = Points::centred(&a, &b);
        let found = Distances::of(&a, &b, true, &Stop::NEVER).unwrap().unwrap();
        let close = |found: f64, u: &[f64], v: &[f64]| (found - squared_distance(u, v)).abs() < 1e-12;
        for i in 0..n {
            let (own, other) = (found.rows(true, true, &(i..i + 1)), found.rows(true, false, &(i..i + 1)));
            assert!((0..n).all(|j| close(own[j], a.original(i), a.original(j))));
            assert!((0..m).all(|j| close(other[j], a.original(i), b.original(j))));
        }
        for i in 0..m {
            let own = found.rows(false, true, &(i..i + 1));
            assert!((i..m).all(|j| close(own[j], b.original(i), b.original(j))));
        }
    }
}
