//! One-dimensional optimal transport along many directions at once, the core of the sliced distances: one matrix product
//! projects, sorting solves each line, one more product carries the gradient back.
//! Directions are orthonormal in blocks of d, so that averages over whole blocks are exact in the mean:
//! Σ_l ⟨θ_l, z⟩² = ‖z‖² gives sw2 ≤ w2/d for every input. Next: [`crate::divergence::sliced`].

use std::sync::{Arc, Mutex};

use faer::{Accum, Par};
use kd2m_simd::ranks::{Ranks, share, wire};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use crate::{
    cloud::Cloud,
    decomposition::qr,
    error::OtError,
    matrix::{norm_squared, product_until, view, view_mut},
    pairwise::points::{Points, common_middle_of},
    precision::of_square,
    real::Real,
    room,
    sets::tiles::Reader,
    solver::one_dimension::Coupling,
    stop::{Interrupted, Stop},
};

/// Random numbers and what they were drawn for: the last are kept, since training asks for the same again and again. No part of what
/// a divergence is: clones draw anew, and all are equal.
#[derive(Default)]
pub(crate) struct Drawn(Mutex<Option<(Asked, Arc<Vec<f64>>)>>);

/// (count, width, seed).
type Asked = (usize, usize, u64);

impl Drawn {
    /// What `draw` makes of count, width and seed.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn get(
        &self,
        asked: Asked,
        stop: &Stop,
        draw: impl FnOnce(Asked, &Stop) -> Result<Vec<f64>, Interrupted>,
    ) -> Result<Arc<Vec<f64>>, Interrupted> {
        // A poisoned lock only means that another thread panicked while drawing: draw again.
        let mut drawn = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*drawn {
            Some((of, numbers)) if *of == asked => Ok(numbers.clone()),
            _ => {
                let numbers = Arc::new(draw(asked, stop)?);
                *drawn = Some((asked, numbers.clone()));
                Ok(numbers)
            }
        }
    }
}

impl Clone for Drawn {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Drawn {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Drawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Drawn")
    }
}

/// Declares a divergence along random directions.
macro_rules! sliced {
    ($(#[$meta:meta])* pub struct $name:ident for $entry:ident) => {
        $crate::parameters::parameters! {
            $(#[$meta])*
            pub struct $name for $entry {
                /// number of directions, drawn as orthonormal blocks; with a multiple of d the value is at most w2/d
                directions: usize = 128 in $crate::parameters::domain::ROWS,
                /// seed of the directions
                seed: u64 = 0 in $crate::parameters::domain::SEED,
            }
            keeping { drawn: $crate::projection::Drawn }
        }

        impl $name {
            /// Unit vectors, row-major `[count, d]`, orthonormal within each block of d.
            ///
            /// # Errors
            /// More directions than there is room for, or told to stop.
            fn of_clouds<T: $crate::real::Real>(
                &self,
                a: &$crate::cloud::Cloud<T>,
                b: &$crate::cloud::Cloud<T>,
                stop: &$crate::stop::Stop,
            ) -> Result<std::sync::Arc<Vec<f64>>, $crate::error::OtError> {
                $crate::projection::ask($entry.name, self.directions, a, b)?;
                self.of_width(a.width(), stop)
            }

            /// The same where nothing is asked of memory.
            fn of_width(
                &self,
                d: usize,
                stop: &$crate::stop::Stop,
            ) -> Result<std::sync::Arc<Vec<f64>>, $crate::error::OtError> {
                Ok(self.drawn.get((self.directions, d, self.seed), stop, $crate::projection::draw)?)
            }
        }
    };
}

pub(crate) use sliced;

/// Fails where directions and the projections of all samples onto them cannot be held.
///
/// # Errors
/// [`OtError::Room`].
pub(crate) fn ask<T: Real>(metric: &str, count: usize, a: &Cloud<T>, b: &Cloud<T>) -> Result<(), OtError> {
    let (n, m, d) = (a.len(), b.len(), a.width());
    let bytes = room::sum(&[
        room::bytes::<f64>(&[count, d]),
        room::bytes::<T>(&[count, d]),
        room::bytes::<T>(&[count, n.saturating_add(m)]),
    ]);
    let what = || format!("{count} directions for {n} + {m} samples × {d}");
    room::ask(metric, bytes, what, "give fewer directions, or compare fewer samples")
}

/// Unit vectors, as [`Drawn`] keeps them.
///
/// # Errors
/// Told to stop.
pub(crate) fn draw((count, d, seed): Asked, stop: &Stop) -> Result<Vec<f64>, Interrupted> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut directions = Vec::with_capacity(count * d);
    while directions.len() < count * d {
        stop.check()?;
        let block = d.min(count - directions.len() / d);
        let normal: Vec<f64> = (0..d * block).map(|_| StandardNormal.sample(&mut rng)).collect();
        // The sign of a direction does not matter to a squared distance, so Q need not be made unique.
        if let (_, Some(q)) = qr(view(&normal, d, block), true) {
            directions.extend((0..block).flat_map(|l| q.col(l).iter().copied().collect::<Vec<f64>>()));
        }
    }
    Ok(directions)
}

/// What transport along each direction says.
pub(crate) struct Lines<T> {
    /// 1-D W₂² along each direction, `[count]`.
    pub values: Vec<f64>,
    /// Its derivative with respect to each projection of A, row-major `[count, n]`; empty where no gradient is wanted.
    pub slopes: Vec<T>,
    /// Along each direction, how far the slopes may be off in norm because projections that differ by rounding may stand in the wrong
    /// order, `[count]`; 0 without a gradient, and in `f64`, which has no better to turn to.
    pub unresolved: Vec<f64>,
}

/// Fewer projections than this are sorted faster by one core.
const PARALLEL_FROM: usize = 1 << 12;

/// Solves the transport problem along each of the directions `[count, d]`.
///
/// # Errors
/// Told to stop.
pub(crate) fn along<T: Real>(
    a: &Points<T>,
    b: &Points<T>,
    directions: &[T],
    gradient: bool,
    stop: &Stop,
) -> Result<Lines<T>, Interrupted> {
    let (n, m, d) = (a.len(), b.len(), a.width());
    let count = directions.len() / d;
    let project = |points: &Points<T>| {
        let rows = view(points.rows(&(0..points.len())), points.len(), d);
        product_until(view(directions, count, d), rows.transpose(), stop)
    };
    let (projected_a, projected_b) = (project(a)?, project(b)?);
    let coupling = Coupling::new(a.explicit_weights(), n, b.explicit_weights(), m);
    let mut slopes = vec![T::zero(); if gradient { count * n } else { 0 }];
    let mut values = vec![0.0; count];
    let mut unresolved = vec![0.0; count];
    let line = |x: &[T], y: &[T], found: Found<T>, (order_x, order_y): &mut (Vec<u32>, Vec<u32>)| {
        if stop.is_set() {
            return;
        }
        let Found { value, unresolved, slopes } = found;
        T::sorted_order(x, order_x);
        T::sorted_order(y, order_y);
        coupling.walk(order_x, order_y, |i, j, mass| {
            let difference = x[i as usize].wide() - y[j as usize].wide();
            *value += mass * difference * difference;
            if gradient {
                slopes[i as usize] += T::of(2.0 * mass * difference);
            }
        });
        if gradient && T::singles(&[]).is_some() {
            *unresolved = out_of_order(x, order_x, slopes);
        }
    };
    let orders = || (Vec::with_capacity(n), Vec::with_capacity(m));
    let lines = || projected_a.chunks_exact(n).zip(projected_b.chunks_exact(m));
    // Without a gradient each line gets an empty slice.
    let width = if gradient { n } else { 0 };
    let mut outputs: Vec<Found<T>> = Vec::with_capacity(count);
    let mut rest = slopes.as_mut_slice();
    for (value, unresolved) in values.iter_mut().zip(&mut unresolved) {
        let (own, others) = rest.split_at_mut(width);
        outputs.push(Found { value, unresolved, slopes: own });
        rest = others;
    }
    if count * (n + m) < PARALLEL_FROM {
        let mut scratch = orders();
        lines().zip(outputs).for_each(|((x, y), found)| line(x, y, found, &mut scratch));
    } else {
        let lines: Vec<_> = lines().zip(outputs).collect();
        let grain = count.div_ceil(4 * rayon::current_num_threads());
        lines.into_par_iter().with_min_len(grain).for_each_init(orders, |scratch, ((x, y), found)| {
            line(x, y, found, scratch);
        });
    }
    stop.check()?;
    Ok(Lines { values, slopes, unresolved })
}

/// What one direction adds to [`Lines`].
struct Found<'l, T> {
    value: &'l mut f64,
    unresolved: &'l mut f64,
    slopes: &'l mut [T],
}

/// The norm of what slopes change by when neighbours on the line that rounding cannot tell apart trade places.
fn out_of_order<T: Real>(x: &[T], order: &[u32], slopes: &[T]) -> f64 {
    let (Some(&first), Some(&last)) = (order.first(), order.last()) else { return 0.0 };
    let resolved = T::of(2.0) * T::epsilon() * x[first as usize].abs().max(x[last as usize].abs());
    let pairs = order.windows(2).map(|pair| (pair[0] as usize, pair[1] as usize));
    let close = pairs.filter(|&(i, j)| x[j] - x[i] <= resolved);
    close.map(|(i, j)| (slopes[j].wide() - slopes[i].wide()).powi(2)).sum::<f64>().sqrt()
}

/// How far a 1-D W₂² of this size may be off: a projection is off by ε of the sample's norm, and so is its distance from its partner.
pub(crate) fn error_along<T: Real>(a: &Points<T>, b: &Points<T>, value: f64) -> f64 {
    error_of_norms::<T>(a.mean_of(|norm| norm) + b.mean_of(|norm| norm), a.width(), value)
}

/// The same from the mean squared norms of both sides together.
fn error_of_norms<T: Real>(norms: f64, d: usize, value: f64) -> f64 {
    let least = (d as f64 * T::min_positive_value().wide()).sqrt();
    of_square(value, T::epsilon().wide() * norms.sqrt() + least)
}

/// Bytes of projections that are held at once, of a set that is not.
const PROJECTED: usize = 512 << 20;

/// 1-D W₂² along each of the directions `[count, d]` of two sets that are not held, and how far their mean may be off: each rank takes its
/// share of the directions and reads all rows.
///
/// # Errors
/// Told to stop.
pub(crate) fn along_sets<T: Real>(
    ranks: &dyn Ranks,
    a: &Reader<T>,
    b: &Reader<T>,
    directions: &[T],
) -> Result<(Vec<f64>, f64), Interrupted> {
    let (n, m, d) = (a.len(), b.len(), a.width());
    let count = directions.len() / d;
    let centre = common_middle_of(&a.middle(), &b.middle());
    let coupling = Coupling::new(a.set.weights(), n, b.set.weights(), m);
    let at_once = (PROJECTED / (size_of::<T>() * (n + m)).max(1)).max(1);
    let own = share(count, ranks.rank(), ranks.size());
    let (mut values, mut norms) = (Vec::with_capacity(own.len()), None);
    for start in own.clone().step_by(at_once) {
        let lines = start..(start + at_once).min(own.end);
        let directions = &directions[lines.start * d..lines.end * d];
        let (x, norms_a) = projected(a, &centre, directions)?;
        let (y, norms_b) = projected(b, &centre, directions)?;
        norms = Some(norms_a + norms_b);
        let lines = x.par_chunks_exact(n).zip(y.par_chunks_exact(m));
        let found: Vec<f64> = lines
            .map_init(Default::default, |(order_x, order_y), (x, y)| {
                let mut value = 0.0;
                if !a.is_over() {
                    T::sorted_order(x, order_x);
                    T::sorted_order(y, order_y);
                    coupling.walk(order_x, order_y, |i, j, mass| {
                        value += mass * (x[i as usize].wide() - y[j as usize].wide()).powi(2);
                    });
                }
                value
            })
            .collect();
        values.extend(found);
        a.check()?;
    }
    let values = wire::gather(ranks, values);
    let norms = wire::gather(ranks, norms.into_iter().collect()).into_iter().fold(0.0, f64::max);
    let mean = values.iter().sum::<f64>() / count as f64;
    Ok((values, error_of_norms::<T>(norms, d, mean)))
}

/// All rows less the centre along these directions, `[directions, n]`, and the rows' mean squared norm.
fn projected<T: Real>(of: &Reader<T>, centre: &[f64], directions: &[T]) -> Result<(Vec<T>, f64), Interrupted> {
    let (n, d) = (of.len(), of.width());
    let count = directions.len() / d;
    let parts: Vec<(Vec<T>, f64)> = of
        .tiles()
        .into_par_iter()
        .map(|tile| {
            let rows = of.rows(tile.clone());
            let centred: Vec<T> = rows
                .values
                .chunks_exact(d)
                .flat_map(|row| row.iter().zip(centre).map(|(x, c)| T::of(x.wide() - c)))
                .collect();
            let norms = tile.clone().zip(centred.chunks_exact(d));
            let norm = norms.map(|(i, row)| of.set.weight(i) * norm_squared(row)).sum();
            let mut along = vec![T::zero(); count * tile.len()];
            let (target, rows) = (view_mut(&mut along, count, tile.len()), view(&centred, tile.len(), d).transpose());
            T::multiply(target, Accum::Replace, view(directions, count, d), rows, Par::Seq);
            (along, norm)
        })
        .collect();
    of.check()?;
    let mut all = Vec::with_capacity(count * n);
    for line in 0..count {
        for (along, _) in &parts {
            let width = along.len() / count;
            all.extend_from_slice(&along[line * width..(line + 1) * width]);
        }
    }
    Ok((all, parts.iter().map(|(_, norm)| norm).sum()))
}

/// How far the mean gradient over these lines may be off in norm: a slope is a difference of projections, under the sample's weight.
pub(crate) fn gradient_error_along<T: Real>(a: &Points<T>, lines: &Lines<T>) -> f64 {
    let squares: f64 = (0..a.len()).map(|i| a.weight(i).powi(2) * a.norm(i).wide()).sum();
    // Within a block the directions are orthogonal, and so are the errors along them.
    let count = lines.unresolved.len();
    let blocks = count.div_ceil(a.width());
    let order = (norm_squared(&lines.unresolved) * blocks as f64).sqrt() / count as f64;
    4.0 * T::epsilon().wide() * squares.sqrt() + order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::dot;

    #[test]
    fn directions_are_orthonormal_in_blocks() {
        for (count, d) in [(3, 8), (8, 8), (20, 8), (5, 1)] {
            let directions = draw((count, d, 0), &Stop::NEVER).unwrap();
            for (block, rows) in directions.chunks(d * d).enumerate() {
                for (i, x) in rows.chunks(d).enumerate() {
                    for (j, y) in rows.chunks(d).enumerate() {
                        assert!((dot(x, y) - f64::from(u8::from(i == j))).abs() < 1e-12, "{count} {d} block {block}");
                    }
                }
            }
        }
        assert_ne!(draw((3, 8, 0), &Stop::NEVER), draw((3, 8, 1), &Stop::NEVER));
    }
}
