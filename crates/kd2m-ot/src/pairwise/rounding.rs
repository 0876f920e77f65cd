//! How far a pair sum may be off. First a bound from the norms of the samples alone; where that is no small share of the value, some
//! rows of the sum are taken again in `f64` from the samples as they came, distances as differences, and their errors stand for all:
//! whatever systematic error rounding leaves shows in them. Next: [`crate::precision`], which decides what follows.

use std::ops::Range;

use rayon::prelude::*;

use super::{Factors, Tiles, kernel::PairKernel, points::Points};
use crate::{cost::squared_distance, divergence::base::Request, matrix::dot, precision::is_accepted, real::Real};

/// Rows of each cloud that are taken again, beside the one farthest out.
const EVENLY: usize = 3;
/// Of many columns these are looked at: so many blocks of so many.
const BLOCKS: usize = 4;
const BLOCK: usize = 128;
/// Errors of a few rows, times this, stand for all.
const SAFETY: f64 = 2.0;
/// Below this many multiply–adds one core is faster than waking the second.
const PARALLEL_FROM: usize = 1 << 20;

/// The largest error that a value of [`super::pair_sum`] is estimated to have.
pub(crate) fn of<T: Real, K>(a: &Points<T>, b: &Points<T>, kernel: &K, factors: Factors, value: f64) -> f64
where
    K: PairKernel<T> + PairKernel<f64>,
{
    let bound = kernel.bound(a, b, factors);
    // Rows of inner products in `f64` are no better than the sum itself.
    let is_best = T::singles(&[]).is_none() && !<K as PairKernel<f64>>::RADIAL;
    if is_best || is_accepted(bound, value) || !value.is_finite() {
        return bound;
    }
    sampled(a, b, kernel, factors).min(bound)
}

/// The norm of the error that the gradient of [`super::pair_sum`] is estimated to have.
pub(crate) fn of_gradient<T: Real, K>(a: &Points<T>, b: &Points<T>, kernel: &K, factors: Factors) -> f64
where
    K: PairKernel<T>,
{
    let size = kernel.slope_size(a, b, factors);
    let row = |i: usize| a.weight(i) * size(a.norm(i).wide());
    T::epsilon().wide() * (0..a.len()).map(|i| row(i).powi(2)).sum::<f64>().sqrt()
}

fn sampled<T: Real, K>(a: &Points<T>, b: &Points<T>, kernel: &K, factors: Factors) -> f64
where
    K: PairKernel<T> + PairKernel<f64>,
{
    let typical = 0.5 * (a.mean_of(f64::sqrt) + b.mean_of(f64::sqrt));
    let size = |norm: f64| kernel.size(norm, typical);
    let rows: Vec<(bool, usize)> = some_rows(a).map(|i| (true, i)).chain(some_rows(b).map(|i| (false, i))).collect();
    let off = |(of_a, i): (bool, usize)| {
        let (x, y, own) = if of_a { (a, b, factors.aa) } else { (b, a, factors.bb) };
        let [within, across] = errors(x, y, kernel, factors.diagonal, i, of_a);
        let total = (own * within + 0.5 * factors.ab * across).abs();
        let size = size(x.norm(i).wide());
        // A row without size has nothing to lose.
        if total == 0.0 { 0.0 } else { total / size }
    };
    let work = rows.len() * (a.len() + b.len()) * a.width();
    let errors: Vec<f64> = if work < PARALLEL_FROM {
        rows.into_iter().map(off).collect()
    } else {
        rows.into_par_iter().map(off).collect()
    };
    // Not `f64::max`, which would drop NaN.
    let worst = errors.into_iter().fold(0.0, |worst: f64, e| if e <= worst { worst } else { e });
    let sizes = a.mean_of(size) + b.mean_of(size);
    let floor = 4.0 * f64::EPSILON * (factors.aa.abs() + factors.ab.abs() + factors.bb.abs());
    (SAFETY * worst + floor) * sizes
}

/// The sample farthest out, and a few over the whole cloud.
fn some_rows<'p, T: Real>(points: &'p Points<'_, T>) -> impl Iterator<Item = usize> + use<'p, T> {
    let n = points.len();
    let farthest = (0..n).fold(0, |best, i| if points.norm(i) > points.norm(best) { i } else { best });
    let step = n.div_ceil(EVENLY);
    std::iter::once(farthest).chain((0..n).step_by(step))
}

/// How far the means of k(x_i, x_j) and of k(x_i, y_j) over j are off, with their signs: what both have in common is no error of a
/// difference.
fn errors<T: Real, K>(x: &Points<T>, y: &Points<T>, kernel: &K, diagonal: bool, i: usize, of_a: bool) -> [f64; 2]
where
    K: PairKernel<T> + PairKernel<f64>,
{
    let mut tiles = Tiles::new(kernel, x, i..i + 1, None, of_a, Request::VALUE);
    let mut off = |y: &Points<T>, own: Option<bool>| {
        let skip = (own == Some(false)).then_some(i);
        let (mut sum, mut mass) = (0.0, 0.0);
        for columns in some_columns(y.len()) {
            let kept = || columns.clone().filter(|j| Some(*j) != skip);
            let pair = |j: usize| match <K as PairKernel<f64>>::RADIAL {
                true => squared_distance(x.original(i), y.original(j)),
                false => dot(x.original(i), y.original(j)),
            };
            let mut pairs: Vec<f64> = kept().map(pair).collect();
            let weights: Vec<f64> = kept().map(|j| y.weight(j)).collect();
            let exact = PairKernel::<f64>::row(kernel, &mut pairs, &weights, None);
            sum += tiles.columns(y, columns.clone(), 0.0, own) / x.weight(i) - exact;
            mass += y.weights(&columns).iter().sum::<f64>();
        }
        sum / mass
    };
    [off(x, Some(diagonal)), off(y, None)]
}

/// All columns, or some blocks of many.
fn some_columns(m: usize) -> impl Iterator<Item = Range<usize>> {
    let (blocks, width) = if m <= BLOCKS * BLOCK { (1, m) } else { (BLOCKS, BLOCK) };
    (0..blocks).map(move |k| k * m / blocks..k * m / blocks + width)
}
