//! Costs of two sets that are not held: rows of costs are computed from tiles whenever they are read, single pairs from two rows read by
//! position, in double precision. Next: [`super::streamed`], the same of clouds.

use std::ops::Range;

use kd2m_simd::ranks::Ranks;

use super::{anew, centring::Centres, ground::Ground, pairwise::Pairwise};
use crate::{
    cloud::Cloud,
    error::OtError,
    isa::Isa,
    pool::Pool,
    real::Real,
    sets::{Keep, centres, tiles::Reader},
    solver::{
        costs::Costs,
        streaming::{Reduced, Streaming},
    },
    stop::Interrupted,
};

/// Bytes of a block of rows of costs, for each thread.
const BLOCK_BYTES: usize = 256 << 20;

/// What is known of all rows of two sets of equal width before any cost is: centres, and what these take from the costs.
pub(crate) struct Centred<T> {
    centres: Centres<T>,
    /// What centring took from the costs of each row and of each column.
    first: Vec<f64>,
    second: Vec<f64>,
    /// No two samples of different sides lie further apart.
    reach: f64,
}

impl<T: Real> Centred<T> {
    /// From two passes over both sets.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn of(ranks: &dyn Ranks, (a, b): (&Reader<T>, &Reader<T>), ground: Ground) -> Result<Self, Interrupted> {
        let centres = centres::of(ranks, a, b, ground.centring())?;
        let shift = centres.shift();
        let constant: f64 = shift.iter().map(|s| s * s).sum();
        let of_a = centres::around(ranks, a, &centres.a, &shift, 2.0)?;
        let of_b = centres::around(ranks, b, &centres.b, &shift, -2.0)?;
        let (first, second) = match ground {
            Ground::Squared => (of_a.along.iter().map(|x| x + constant).collect(), of_b.along),
            Ground::Distance => (vec![0.0; a.len()], vec![0.0; b.len()]),
        };
        let reach = 1.01 * (of_a.largest + of_b.largest + centres.distance());
        Ok(Self { centres, first, second, reach })
    }
}

/// What two sets of equal width cost, in O(n + m) memory and a block of rows.
pub(crate) struct OfSets<'s, T: Real> {
    pub pool: &'s Pool,
    pub ranks: &'s dyn Ranks,
    pub a: &'s Reader<'s, T>,
    pub b: &'s Reader<'s, T>,
    pub ground: Ground,
    pub centred: &'s Centred<T>,
    pub keep: Option<Keep<'s>>,
}

impl<T: Real> OfSets<'_, T> {
    /// The costs of a tile of rows with a tile of columns, in the features' units but for what centring took, and how far each row's may
    /// be off.
    fn tile(&self, x: &Cloud<T>, columns: Range<usize>, mut write: impl FnMut(usize, &[T], f64, f64)) {
        let y = self.b.rows(columns);
        let alone = Pool::alone();
        let pairs = Pairwise::around(Isa::detect(), &alone, x, &y.cloud(), self.centred.centres.clone());
        let unit = self.ground.unit(pairs.scale);
        let (height, width) = (pairs.block(), y.cloud().len());
        let numbers: Vec<u32> = (0..x.len() as u32).collect();
        let mut costs = Vec::new();
        for numbers in numbers.chunks(height) {
            costs.resize(numbers.len() * width, T::zero());
            pairs.fill(numbers, &mut costs);
            for (&i, row) in numbers.iter().zip(costs.chunks_exact_mut(width)) {
                let mut nearest = 0.0;
                if self.ground == Ground::Distance {
                    row.iter_mut().for_each(|c| *c = c.sqrt());
                    nearest = row.iter().fold(f64::INFINITY, |least, c| least.min(c.wide()));
                }
                let products =
                    self.ground.rounding(pairs.rounding(i as usize), nearest, pairs.largest_norm(), T::epsilon());
                let exact = match self.ground {
                    Ground::Squared => pairs.separable_rounding(i as usize),
                    Ground::Distance => self.relative_error() * self.at_most(),
                };
                // A cost below the smallest number of `T` is gone altogether.
                write(i as usize, row, unit, products * unit + exact + T::min_positive_value().wide() * unit.max(1.0));
            }
        }
    }
}

impl<T: Real> Costs for OfSets<'_, T> {
    fn shape(&self) -> (usize, usize) {
        (self.a.len(), self.b.len())
    }

    fn pair(&self, i: usize, j: usize) -> f64 {
        let (x, y) = (self.a.rows(i..i + 1), self.b.rows(j..j + 1));
        self.ground.of_squared(super::squared_distance(&x.values, &y.values))
    }

    fn relative_error(&self) -> f64 {
        anew::relative_error(self.a.width())
    }
}

impl<T: Real> Streaming for OfSets<'_, T> {
    fn pool(&self) -> &Pool {
        self.pool
    }

    fn block(&self) -> usize {
        let (n, m) = self.shape();
        let own = n.div_ceil(self.ranks.size()).div_ceil(4 * self.pool.size());
        (BLOCK_BYTES / (size_of::<f64>() * m)).clamp(16, 1024).min(own).max(1)
    }

    fn read(&self, rows: Range<usize>, v: &[f64], mut visit: impl FnMut(usize, &Reduced)) {
        let m = v.len();
        let x = self.a.rows(rows.clone());
        let mut reduced = vec![0.0; rows.len() * m];
        let mut bounds = vec![0.0f64; rows.len()];
        for columns in self.b.tiles() {
            if self.a.is_over() {
                break;
            }
            let of_columns: Vec<f64> = columns.clone().map(|j| v[j] - self.centred.second[j]).collect();
            self.tile(&x.cloud(), columns.clone(), |i, row, unit, bound| {
                let first = self.centred.first[rows.start + i];
                let out = &mut reduced[i * m..][columns.clone()];
                for ((out, c), v) in out.iter_mut().zip(row).zip(&of_columns) {
                    *out = c.wide() * unit + first - v;
                }
                bounds[i] = bounds[i].max(bound);
            });
        }
        let largest = v
            .iter()
            .zip(&self.centred.second)
            .map(|(v, s)| (v - s).abs())
            .filter(|v| v.is_finite())
            .fold(0.0, f64::max);
        for ((i, row), bound) in rows.zip(reduced.chunks_exact(m)).zip(bounds) {
            let least = row.iter().fold(f64::INFINITY, |least, c| least.min(*c));
            // Beside the costs: sums with potentials round by a unit each.
            let bound = bound + 2.0 * f64::EPSILON * (largest + self.centred.first[i].abs());
            visit(i, &Reduced { row, least, bound });
        }
    }

    fn own_of_columns(&self) -> &[f64] {
        &self.centred.second
    }

    fn at_most(&self) -> f64 {
        self.ground.of_squared(self.centred.reach * self.centred.reach)
    }

    fn ranks(&self) -> &dyn Ranks {
        self.ranks
    }

    fn check(&self) -> Result<(), Interrupted> {
        self.a.check()
    }

    fn keep(&self, v: &[f64]) {
        if let Some(keep) = self.keep {
            // Columns without mass have no potential: any number stands for them.
            let v: Vec<f64> = v.iter().map(|v| if v.is_finite() { *v } else { 0.0 }).collect();
            if let Err(error) = keep(&v) {
                self.a.give_up(OtError::Unkept { why: error.to_string() });
            }
        }
    }
}
