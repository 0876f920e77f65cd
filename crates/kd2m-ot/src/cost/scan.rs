//! Passes over features in `f64`, compiled for each instruction set: column sums, centring with norms, and single exact costs.
//! They are linear in n·d, but written plainly they took as long as the products of a paired batch.

use crate::{
    isa::{Kernel, LANES, Simd},
    real::Real,
};

/// Adds each column of row-major `[rows, d]` to `sums`, to a few units of rounding of `T`.
pub(crate) struct ColumnSums<'a, T> {
    pub features: &'a [T],
    pub sums: &'a mut [f64],
}

impl<T: Real> Kernel for ColumnSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let d = self.sums.len();
        // Rows by eights in their own precision, which changes a mean by a few units of rounding, then in `f64`.
        let (sums, sums_tail) = self.sums.as_chunks_mut::<LANES>();
        for rows in self.features.chunks(8 * d) {
            for (k, sum) in sums.iter_mut().enumerate() {
                let mut of_rows = T::vsplat(simd, T::zero());
                for row in rows.chunks_exact(d) {
                    of_rows = T::vadd(simd, of_rows, T::vload(simd, &row.as_chunks::<LANES>().0[k]));
                }
                let mut lanes = [T::zero(); LANES];
                T::vstore(simd, of_rows, &mut lanes);
                simd.store_d(simd.add_d(simd.load_d(sum), T::widen(simd, &lanes)), sum);
            }
            for row in rows.chunks_exact(d) {
                for (sum, x) in sums_tail.iter_mut().zip(row.as_chunks::<LANES>().1) {
                    *sum += x.wide();
                }
            }
        }
    }
}

/// Writes `x − centre` for each row, and its squared norm.
pub(crate) struct Centre<'a, T> {
    pub features: &'a [T],
    pub centre: &'a [T],
    pub rows: &'a mut [T],
    pub norms: &'a mut [T],
}

impl<T: Real> Kernel for Centre<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let d = self.centre.len();
        let (centre, centre_tail) = self.centre.as_chunks::<LANES>();
        let from = self.features.chunks_exact(d);
        for ((row, norm), from) in self.rows.chunks_exact_mut(d).zip(self.norms).zip(from) {
            let (to, to_tail) = row.as_chunks_mut::<LANES>();
            let (from, from_tail) = from.as_chunks::<LANES>();
            let mut sums = simd.splat_d(0.0);
            for ((to, x), c) in to.iter_mut().zip(from).zip(centre) {
                T::vstore(simd, T::vsub(simd, T::vload(simd, x), T::vload(simd, c)), to);
                let wide = T::widen(simd, to);
                sums = simd.fma_d(wide, wide, sums);
            }
            let mut total = sum(simd, sums);
            for ((to, &x), &c) in to_tail.iter_mut().zip(from_tail).zip(centre_tail) {
                *to = x - c;
                total += to.wide() * to.wide();
            }
            *norm = T::of(total);
        }
    }
}

/// Σ_k ((x_k − p_k) − (y_k − q_k))².
pub(crate) struct CentredDistance<'a, T> {
    pub x: &'a [T],
    pub p: &'a [T],
    pub y: &'a [T],
    pub q: &'a [T],
}

impl<T: Real> Kernel for CentredDistance<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> f64 {
        let (x, x_tail) = self.x.as_chunks::<LANES>();
        let (p, p_tail) = self.p.as_chunks::<LANES>();
        let (y, y_tail) = self.y.as_chunks::<LANES>();
        let (q, q_tail) = self.q.as_chunks::<LANES>();
        let mut sums = simd.splat_d(0.0);
        for (((x, p), y), q) in x.iter().zip(p).zip(y).zip(q) {
            let from = simd.sub_d(T::widen(simd, x), T::widen(simd, p));
            let to = simd.sub_d(T::widen(simd, y), T::widen(simd, q));
            let difference = simd.sub_d(from, to);
            sums = simd.fma_d(difference, difference, sums);
        }
        let mut total = sum(simd, sums);
        for (((x, p), y), q) in x_tail.iter().zip(p_tail).zip(y_tail).zip(q_tail) {
            let difference = (x.wide() - p.wide()) - (y.wide() - q.wide());
            total += difference * difference;
        }
        total
    }
}

/// What is known of a pair (x_i, y_i): all that a pairing's value, proof and potentials need.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PairCost {
    /// Σ_k (x_k − y_k)².
    pub plain: f64,
    /// Σ_k ((x_k − p_k) − (y_k − q_k))².
    pub centred: f64,
    /// Σ_k (y_k − q_k)(p_k − q_k).
    pub along: f64,
}

/// [`PairCost`] of each pair of rows; `shift` is p − q.
pub(crate) struct PairCosts<'a, T> {
    pub x: &'a [T],
    pub y: &'a [T],
    pub q: &'a [T],
    pub shift: &'a [f64],
    pub out: &'a mut [PairCost],
}

impl<T: Real> Kernel for PairCosts<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let d = self.q.len();
        let (q, q_tail) = self.q.as_chunks::<LANES>();
        let (shift, shift_tail) = self.shift.as_chunks::<LANES>();
        let rows = self.x.chunks_exact(d).zip(self.y.chunks_exact(d));
        for (out, (x, y)) in self.out.iter_mut().zip(rows) {
            let ((x, x_tail), (y, y_tail)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
            let zero = simd.splat_d(0.0);
            let (mut plain, mut centred, mut along) = (zero, zero, zero);
            for (((x, y), q), shift) in x.iter().zip(y).zip(q).zip(shift) {
                let (y, shift) = (T::widen(simd, y), simd.load_d(shift));
                let difference = simd.sub_d(T::widen(simd, x), y);
                plain = simd.fma_d(difference, difference, plain);
                let left = simd.sub_d(difference, shift);
                centred = simd.fma_d(left, left, centred);
                along = simd.fma_d(simd.sub_d(y, T::widen(simd, q)), shift, along);
            }
            *out = PairCost { plain: sum(simd, plain), centred: sum(simd, centred), along: sum(simd, along) };
            for (((x, y), q), shift) in x_tail.iter().zip(y_tail).zip(q_tail).zip(shift_tail) {
                let difference = x.wide() - y.wide();
                out.plain += difference * difference;
                out.centred += (difference - shift) * (difference - shift);
                out.along += (y.wide() - q.wide()) * shift;
            }
        }
    }
}

/// Σ_k (x_k − y_k)².
pub(crate) struct SquaredDistance<'a, T> {
    pub x: &'a [T],
    pub y: &'a [T],
}

impl<T: Real> Kernel for SquaredDistance<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> f64 {
        let (x, x_tail) = self.x.as_chunks::<LANES>();
        let (y, y_tail) = self.y.as_chunks::<LANES>();
        let mut sums = simd.splat_d(0.0);
        for (x, y) in x.iter().zip(y) {
            let difference = simd.sub_d(T::widen(simd, x), T::widen(simd, y));
            sums = simd.fma_d(difference, difference, sums);
        }
        x_tail.iter().zip(y_tail).fold(sum(simd, sums), |total, (x, y)| {
            let difference = x.wide() - y.wide();
            total + difference * difference
        })
    }
}

/// Σ_k (x_k − y_k)² of one row with each of `ys`, row-major `[out, d]`: bit for bit what [`SquaredDistance`] gives.
pub(crate) struct DistanceRow<'a, T> {
    pub x: &'a [T],
    pub ys: &'a [T],
    pub out: &'a mut [f64],
}

impl<T: Real> Kernel for DistanceRow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        for (out, y) in self.out.iter_mut().zip(self.ys.chunks_exact(self.x.len())) {
            *out = SquaredDistance { x: self.x, y }.call(simd);
        }
    }
}

/// Σ_k (x_k − p_k) s_k for each row.
pub(crate) struct Along<'a, T> {
    pub features: &'a [T],
    pub centre: &'a [T],
    pub direction: &'a [f64],
    pub out: &'a mut [f64],
}

impl<T: Real> Kernel for Along<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let (centre, centre_tail) = self.centre.as_chunks::<LANES>();
        let (direction, direction_tail) = self.direction.as_chunks::<LANES>();
        for (out, row) in self.out.iter_mut().zip(self.features.chunks_exact(self.centre.len())) {
            let (row, tail) = row.as_chunks::<LANES>();
            let mut sums = simd.splat_d(0.0);
            for ((x, p), s) in row.iter().zip(centre).zip(direction) {
                sums = simd.fma_d(simd.sub_d(T::widen(simd, x), T::widen(simd, p)), simd.load_d(s), sums);
            }
            let mut total = sum(simd, sums);
            for ((x, p), s) in tail.iter().zip(centre_tail).zip(direction_tail) {
                total += (x.wide() - p.wide()) * s;
            }
            *out = total;
        }
    }
}

#[inline(always)]
fn sum<S: Simd>(simd: S, sums: S::D) -> f64 {
    let mut lanes = [0.0; LANES];
    simd.store_d(sums, &mut lanes);
    // In halves: a sum one by one waits for each addition.
    for half in [8, 4, 2, 1] {
        for k in 0..half {
            lanes[k] += lanes[k + half];
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    fn check<T: Real>(isa: Isa, n: usize, d: usize) {
        let mut random = Pcg64::seed_from_u64((n * 1000 + d) as u64);
        let mut numbers =
            |count: usize| -> Vec<T> { (0..count).map(|_| T::of(random.random_range(-1.0..1.0))).collect() };
        let (features, centre, y, q) = (numbers(n * d), numbers(d), numbers(d), numbers(d));
        let near =
            |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{} {n}×{d}: {a} {b}", isa.name());

        let mut sums = vec![0.0; d];
        isa.run(ColumnSums { features: &features, sums: &mut sums });
        for (k, &s) in sums.iter().enumerate() {
            let plain: f64 = (0..n).map(|i| features[i * d + k].wide()).sum();
            assert!((s - plain).abs() <= 8.0 * n as f64 * T::epsilon().wide());
        }
        let (mut rows, mut norms) = (vec![T::zero(); n * d], vec![T::zero(); n]);
        isa.run(Centre { features: &features, centre: &centre, rows: &mut rows, norms: &mut norms });
        let direction: Vec<f64> = q.iter().map(|x| x.wide()).collect();
        let mut along = vec![0.0; n];
        isa.run(Along { features: &features, centre: &centre, direction: &direction, out: &mut along });
        for i in 0..n {
            let x = &features[i * d..(i + 1) * d];
            for k in 0..d {
                assert_eq!(rows[i * d + k], x[k] - centre[k]);
            }
            let squares: f64 = rows[i * d..(i + 1) * d].iter().map(|x| x.wide().powi(2)).sum();
            // In double precision the two orders of summation differ by a few units themselves.
            assert!((norms[i].wide() - squares).abs() <= squares * 4.0 * T::epsilon().wide());
            near(along[i], (0..d).map(|k| (x[k].wide() - centre[k].wide()) * direction[k]).sum());
            let plain: f64 = (0..d).map(|k| (x[k].wide() - y[k].wide()).powi(2)).sum();
            near(isa.run(SquaredDistance { x, y: &y }), plain);
            let mut row = vec![0.0; n];
            isa.run(DistanceRow { x: &y, ys: &features, out: &mut row });
            assert_eq!(row[i], isa.run(SquaredDistance { x: &y, y: x }));
            let mut pair = [PairCost::default()];
            let shift: Vec<f64> = centre.iter().zip(&q).map(|(p, q)| p.wide() - q.wide()).collect();
            isa.run(PairCosts { x, y: &y, q: &q, shift: &shift, out: &mut pair });
            near(pair[0].plain, plain);
            near(pair[0].along, (0..d).map(|k| (y[k].wide() - q[k].wide()) * shift[k]).sum());
            let moved: f64 =
                (0..d).map(|k| (x[k].wide() - centre[k].wide() - (y[k].wide() - q[k].wide())).powi(2)).sum();
            near(isa.run(CentredDistance { x, p: &centre, y: &y, q: &q }), moved);
            near(pair[0].centred, moved);
        }
    }

    #[test]
    fn every_pass_agrees_with_the_plain_sum_over_odd_sizes() {
        for isa in Isa::available() {
            for (n, d) in [(1, 1), (2, 15), (3, 16), (4, 17), (5, 100)] {
                check::<f32>(isa, n, d);
                check::<f64>(isa, n, d);
            }
        }
    }
}
