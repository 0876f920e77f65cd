//! Products of row-major matrices on plain slices, on both cores where that pays.
//! faer's kernels do the work; next: [`crate::moments`] and [`crate::pairwise`], which use them.

use crate::{
    isa,
    real::Real,
    stop::{Interrupted, Stop},
};
use faer::{Accum, MatMut, MatRef, Par};

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

/// Multiply–adds between two looks at the flag that ends a solve: some 50 ms of one core.
const STRETCH: usize = 1 << 31;

/// The same until it is told to stop, some rows after others where the product is a long one.
///
/// # Errors
/// Told to stop.
pub(crate) fn product_until<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, stop: &Stop) -> Result<Vec<T>, Interrupted> {
    let (rows, columns) = (a.nrows(), b.ncols());
    let rows_at_once = STRETCH / (columns * a.ncols()).max(1);
    stop.check()?;
    if rows <= rows_at_once {
        return Ok(product(a, b));
    }
    let mut c = Vec::with_capacity(rows * columns);
    let step = rows_at_once.clamp(1, rows);
    for from in (0..rows).step_by(step) {
        stop.check()?;
        c.extend(product(a.subrows(from, step.min(rows - from)), b));
    }
    Ok(c)
}

/// Σ x_k y_k in `f64`.
pub(crate) fn dot<T: Real>(x: &[T], y: &[T]) -> f64 {
    let y = &y[..x.len()];
    isa::arch().dispatch(|| in_lanes(x.len(), |k| x[k].wide() * y[k].wide()))
}

/// Σ x_k² in `f64`.
pub(crate) fn norm_squared<T: Real>(x: &[T]) -> f64 {
    isa::arch().dispatch(|| in_lanes(x.len(), |k| x[k].wide() * x[k].wide()))
}

/// A sum in eight interleaved parts: floating-point addition is not associative, so the compiler cannot split it itself.
#[inline(always)]
pub(crate) fn in_lanes(count: usize, term: impl Fn(usize) -> f64) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let whole = count - count % LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += term(start + lane);
        }
    }
    (whole..count).map(term).sum::<f64>() + lanes.iter().sum::<f64>()
}
