//! Costs of two clouds of any sizes, held or computed again whenever rows are read: by products of centred features, with a bound on what these
//! round; single pairs from differences in double precision ([`super::anew`]).

use std::ops::Range;

use super::{anew::Anew, ground::Ground, pairwise::Pairwise};
use crate::{
    buffers::Buffer,
    cloud::Cloud,
    isa::{Isa, Kernel, LANES, Simd},
    pool::Pool,
    real::Real,
    solver::{
        costs::Costs,
        streaming::{Reduced, Streaming},
    },
    stop::Interrupted,
};

/// What two clouds of equal width cost, in O((n + m) d) memory unless costs are held.
pub(crate) struct Streamed<'a, T: Real> {
    isa: Isa,
    pool: &'a Pool,
    exact: Anew<'a, T>,
    pairs: Pairwise<T>,
    ground: Ground,
    /// All costs, where there is room for them.
    held: Option<Buffer<T>>,
    /// What centring took from the costs of each row and of each column.
    first: Vec<f64>,
    second: Vec<f64>,
}

impl<'a, T: Real> Streamed<'a, T> {
    /// From the products of two clouds, centred as their ground cost allows; all of them are kept if `hold` says so.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn new(
        pool: &'a Pool,
        a: &'a Cloud<'a, T>,
        b: &'a Cloud<'a, T>,
        pairs: Pairwise<T>,
        ground: Ground,
        hold: bool,
    ) -> Result<Self, Interrupted> {
        let (first, second) = match ground {
            Ground::Squared => pairs.separable_part_by(pool, a, b),
            Ground::Distance => (vec![0.0; a.len()], vec![0.0; b.len()]),
        };
        let mut held = if hold { Some(pairs.matrix(pool)?) } else { None };
        held.iter_mut().for_each(|held| of_ground(ground, held));
        Ok(Self { isa: Isa::detect(), pool, exact: Anew::new(a, b, ground), pairs, ground, held, first, second })
    }

    /// How far the costs of a row may be off whose least is `least`, products and what centring gives back together.
    fn bound(&self, i: usize, least: f64) -> f64 {
        let unit = self.ground.unit(self.pairs.scale);
        let products = self.ground.rounding(self.pairs.rounding(i), least, self.pairs.largest_norm(), T::epsilon());
        let exact = match self.ground {
            Ground::Squared => self.pairs.separable_rounding(i),
            Ground::Distance => self.exact.relative_error() * self.at_most(),
        };
        // A cost below the smallest number of `T` is gone altogether.
        products * unit + exact + T::min_positive_value().wide()
    }
}

impl<T: Real> Costs for Streamed<'_, T> {
    fn shape(&self) -> (usize, usize) {
        self.exact.shape()
    }

    fn pair(&self, i: usize, j: usize) -> f64 {
        self.exact.pair(i, j)
    }

    fn fill_row(&self, i: usize, out: &mut [f64]) {
        self.exact.fill_row(i, out);
    }

    fn relative_error(&self) -> f64 {
        self.exact.relative_error()
    }
}

impl<T: Real> Streaming for Streamed<'_, T> {
    fn pool(&self) -> &Pool {
        self.pool
    }

    fn block(&self) -> usize {
        self.exact.shape().0.div_ceil(4 * self.pool.size()).min(self.pairs.block())
    }

    fn read(&self, rows: Range<usize>, v: &[f64], mut visit: impl FnMut(usize, &Reduced)) {
        let m = v.len();
        let unit = self.ground.unit(self.pairs.scale);
        let v: Vec<f64> = v.iter().zip(&self.second).map(|(v, second)| v - second).collect();
        let largest = v.iter().filter(|v| v.is_finite()).fold(0.0, |most: f64, v| most.max(v.abs()));
        let (mut computed, mut reduced) = (Vec::new(), vec![0.0; m]);
        let costs = match &self.held {
            Some(held) => &held[rows.start * m..rows.end * m],
            None => {
                let numbers: Vec<u32> = rows.clone().map(|i| i as u32).collect();
                computed.resize(numbers.len() * m, T::zero());
                self.pairs.fill(&numbers, &mut computed);
                of_ground(self.ground, &mut computed);
                &computed
            }
        };
        for (row, i) in costs.chunks_exact(m).zip(rows) {
            let nearest = match self.ground {
                Ground::Squared => 0.0,
                Ground::Distance => row.iter().fold(f64::INFINITY, |least, c| least.min(c.wide())),
            };
            let less = Less { row, unit, first: self.first[i], v: &v, out: &mut reduced };
            let least = self.isa.run(less);
            // Beside the costs: sums with potentials round by a unit each.
            let bound = self.bound(i, nearest) + 2.0 * f64::EPSILON * (largest + self.first[i].abs());
            visit(i, &Reduced { row: &reduced, least, bound });
        }
    }

    fn own_of_columns(&self) -> &[f64] {
        &self.second
    }

    fn at_most(&self) -> f64 {
        self.ground.of_squared(self.pairs.reach() * self.pairs.reach())
    }
}

/// Costs of squared distances.
fn of_ground<T: Real>(ground: Ground, squared: &mut [T]) {
    if ground == Ground::Distance {
        squared.iter_mut().for_each(|c| *c = c.sqrt());
    }
}

/// Writes `c_j · unit + first − v_j`, and gives the least.
struct Less<'a, T> {
    row: &'a [T],
    unit: f64,
    first: f64,
    v: &'a [f64],
    out: &'a mut [f64],
}

impl<T: Real> Kernel for Less<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> f64 {
        let ((row, tail), (v, v_tail)) = (self.row.as_chunks::<LANES>(), self.v.as_chunks::<LANES>());
        let (out, out_tail) = self.out.as_chunks_mut::<LANES>();
        let (unit, first) = (simd.splat_d(self.unit), simd.splat_d(self.first));
        let mut least = simd.splat_d(f64::INFINITY);
        for ((c, v), out) in row.iter().zip(v).zip(out) {
            let reduced = simd.sub_d(simd.fma_d(T::widen(simd, c), unit, first), simd.load_d(v));
            least = simd.min_d(least, reduced);
            simd.store_d(reduced, out);
        }
        let mut least = simd.least_d(least);
        for ((c, v), out) in tail.iter().zip(v_tail).zip(out_tail) {
            *out = c.wide() * self.unit + self.first - v;
            least = least.min(*out);
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cost::centring::Centres, error::Side};

    /// Rows are the exact costs less potentials, to within what is said of them, whatever the precision, sizes and places of clouds.
    fn check<T: Real>(ground: Ground, (n, m, d): (usize, usize, usize), offset: f64, scale: f64, hold: bool) {
        let numbers = |count: usize, seed: usize, offset: f64| -> Vec<T> {
            let at = |k: usize| ((k * 7919 + seed * 104_729 + k * k * 31) % 10_007) as f64 / 10_007.0;
            (0..count).map(|k| T::of((at(k) + offset) * scale)).collect()
        };
        let (x, y) = (numbers(n * d, 1, 0.0), numbers(m * d, 2, offset));
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        let (isa, pool) = (Isa::detect(), Pool::alone());
        let centres = Centres::of(isa, &pool, &a, &b, ground.centring());
        let pairs = Pairwise::around(isa, &pool, &a, &b, centres);
        let costs = Streamed::new(&pool, &a, &b, pairs, ground, hold).unwrap();
        let mut v: Vec<f64> = (0..m).map(|j| (j % 5) as f64 * costs.at_most() / 10.0).collect();
        v[m / 2] = f64::NEG_INFINITY;
        let (mut seen, mut last) = (0, 0);
        costs.read(0..n, &v, |i, found| {
            let exact = |j: usize| costs.pair(i, j) - v[j];
            let off =
                (0..m).filter(|j| *j != m / 2).fold(0.0, |most: f64, j| most.max((found.row[j] - exact(j)).abs()));
            assert!(off <= found.bound, "row {i}: {off:e} beside {:e}", found.bound);
            assert!(found.bound <= 1e4 * T::epsilon().wide().sqrt() * costs.at_most());
            assert_eq!(found.row[m / 2], f64::INFINITY);
            assert_eq!(found.least, found.row.iter().copied().fold(f64::INFINITY, f64::min));
            assert!((0..m).all(|j| costs.pair(i, j) <= costs.at_most()));
            (seen, last) = (seen + 1, i);
        });
        assert_eq!((seen, last), (n, n - 1));
    }

    #[test]
    fn rows_lie_within_their_bounds() {
        for ground in [Ground::Squared, Ground::Distance] {
            for sizes in [(1, 2, 1), (7, 33, 3), (40, 17, 20)] {
                for (offset, scale) in [(0.0, 1.0), (100.0, 1.0), (0.5, 1e-12), (0.5, 1e12)] {
                    for hold in [false, true] {
                        check::<f32>(ground, sizes, offset, scale, hold);
                        check::<f64>(ground, sizes, offset, scale, hold);
                    }
                }
            }
        }
    }
}
