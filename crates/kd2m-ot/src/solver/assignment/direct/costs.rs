//! The rows of a matrix as vectors, and what is least among sixteen lanes.

use crate::{
    isa::{LANES, Simd},
    real::Real,
};

/// Rows in sixteens; the last columns of all rows, padded, lie apart.
pub(super) struct Matrix<'a, T> {
    pub(super) cost: &'a [T],
    tails: Vec<[T; LANES]>,
    pub(super) n: usize,
    pub(super) m: usize,
}

impl<'a, T: Real> Matrix<'a, T> {
    pub(super) fn new(cost: &'a [T], n: usize, m: usize) -> Self {
        let rest = m % LANES;
        let tail = |i: usize| {
            let mut tail = [T::zero(); LANES];
            tail[..rest].copy_from_slice(&cost[(i + 1) * m - rest..(i + 1) * m]);
            tail
        };
        Self { cost, tails: if rest == 0 { Vec::new() } else { (0..n).map(tail).collect() }, n, m }
    }

    pub(super) fn chunks(&self) -> usize {
        self.m.div_ceil(LANES)
    }

    /// A row.
    #[inline(always)]
    pub(super) fn row(&self, i: usize) -> Row<'_, T> {
        let (whole, _) = self.cost[i * self.m..(i + 1) * self.m].as_chunks();
        Row { whole, tail: self.tails.get(i).or(whole.last()) }
    }

    /// One cost.
    #[inline(always)]
    pub(super) fn pair(&self, i: usize, j: usize) -> f64 {
        self.cost[i * self.m + j].wide()
    }
}

/// The whole sixteens of a row, and the last one.
pub(super) struct Row<'a, T> {
    whole: &'a [[T; LANES]],
    tail: Option<&'a [T; LANES]>,
}

impl<T: Real> Row<'_, T> {
    /// Sixteen costs.
    #[inline(always)]
    pub(super) fn costs<S: Simd>(&self, simd: S, k: usize) -> S::D {
        match (self.whole.get(k), self.tail) {
            (Some(chunk), _) | (None, Some(chunk)) => T::widen(simd, chunk),
            (None, None) => simd.splat_d(f64::INFINITY),
        }
    }

    /// The same less the potentials of their columns.
    #[inline(always)]
    pub(super) fn reduced<S: Simd>(&self, simd: S, k: usize, v: &[f64; LANES]) -> S::D {
        simd.sub_d(self.costs(simd, k), simd.load_d(v))
    }
}

/// ∞ in one lane, −∞ in the others.
pub(super) const ALONE: [[f64; LANES]; LANES] = {
    let (mut table, mut lane) = ([[f64::NEG_INFINITY; LANES]; LANES], 0);
    while lane < LANES {
        table[lane][lane] = f64::INFINITY;
        lane += 1;
    }
    table
};

/// The least lane, and its column: `at` holds which sixteen each lane is from.
#[inline(always)]
pub(super) fn nearest<S: Simd>(simd: S, least: S::D, at: S::I) -> (f64, usize) {
    let value = simd.least_d(least);
    let lane = simd.bits(simd.equal_d(least, simd.splat_d(value))).trailing_zeros() as usize % LANES;
    let mut chunks = [0; LANES];
    simd.store(at, &mut chunks);
    (value, chunks[lane] as usize * LANES + lane)
}
