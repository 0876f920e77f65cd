//! Products of row-major matrices on plain slices, on both cores where that pays.
//! faer's kernels do the work; next: [`crate::moments`] and [`crate::pairwise`], which use them.

use faer::{Accum, MatMut, MatRef, Par};

use crate::real::Real;

/// Below this many multiply–adds, waking a second core costs more than it saves (measured: even at 128 × 128 × 512).
const PARALLEL_FROM: usize = 1 << 23;

/// A row-major slice `[rows, columns]` as a matrix.
pub(crate) fn view<T>(slice: &[T], rows: usize, columns: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(slice, rows, columns)
}

/// A row-major slice `[rows, columns]` as a matrix to write to.
pub(crate) fn view_mut<T>(slice: &mut [T], rows: usize, columns: usize) -> MatMut<'_, T> {
    MatMut::from_row_major_slice_mut(slice, rows, columns)
}

/// How a product of `multiply_adds` is run.
pub(crate) fn parallelism(multiply_adds: usize) -> Par {
    if multiply_adds < PARALLEL_FROM { Par::Seq } else { Par::rayon(0) }
}

/// a · b as a row-major slice.
pub(crate) fn product<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> Vec<T> {
    let (rows, columns) = (a.nrows(), b.ncols());
    let mut c = vec![T::zero(); rows * columns];
    let par = parallelism(rows * columns * a.ncols());
    T::multiply(view_mut(&mut c, rows, columns), Accum::Replace, a, b, par);
    c
}

/// Σ x_k y_k in `f64`.
pub(crate) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// Σ x_k² in `f64`.
pub(crate) fn norm_squared(x: &[f64]) -> f64 {
    dot(x, x)
}
