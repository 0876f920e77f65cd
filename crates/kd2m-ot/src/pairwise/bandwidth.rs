//! The scale σ of a kernel from the data: median or mean distance of the different points of A ∪ B, held constant for the gradient.
//! Small clouds keep all distances and select; large ones are read in tiles and only a bracket around the median is kept,
//! so that memory stays O(n). Next: [`super::kernel::Gaussian`].

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use faer::{Accum, Par};

use super::{kernel, points::Points};
use crate::{
    cost::squared_distance,
    error::OtError,
    matrix::{view, view_mut},
    options::{OptionSpec, Options},
    real::Real,
};

/// How σ is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bandwidth {
    /// The median distance.
    Median,
    /// The mean distance.
    Mean,
    /// A given σ.
    Fixed(f64),
    /// Five kernels around the median distance.
    Multi,
}

/// The option that chooses it.
pub(crate) const BANDWIDTH: OptionSpec = OptionSpec {
    name: "bandwidth",
    default: "median",
    help: "σ: median or mean distance between different points of A ∪ B, a number, or multi (mean of five kernels, σ = median · ¼, ½, 1, 2, 4); held constant for the gradient",
};

const MULTIPLES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

impl Bandwidth {
    pub fn read(options: &Options) -> Result<Self, OtError> {
        Ok(match options.text("bandwidth") {
            None | Some("median") => Bandwidth::Median,
            Some("mean") => Bandwidth::Mean,
            Some("multi") => Bandwidth::Multi,
            Some(_) => {
                let valid = |x: &f64| *x > 0.0 && x.is_finite();
                Bandwidth::Fixed(options.parsed("bandwidth", 1.0, "median | mean | multi | a number above 0", valid)?)
            }
        })
    }

    /// σ for these points; where it comes out 0 the mean positive distance, and `None` where all points coincide.
    pub fn sigma<T: Real>(self, a: &Points<T>, b: &Points<T>) -> Option<f64> {
        let union = Union { parts: [a, b] };
        let sigma = match self {
            Bandwidth::Fixed(sigma) => return Some(sigma),
            Bandwidth::Median | Bandwidth::Multi => union.median(),
            Bandwidth::Mean => union.mean_of_all(),
        };
        if sigma > 0.0 { Some(sigma) } else { union.mean_of_positive() }
    }

    /// The kernel widths that go with a σ.
    pub fn widths(self, sigma: f64) -> Vec<f64> {
        match self {
            Bandwidth::Multi => MULTIPLES.iter().map(|m| m * sigma).collect(),
            _ => vec![sigma],
        }
    }
}

/// All points of both clouds.
struct Union<'p, 'c, T> {
    parts: [&'p Points<'c, T>; 2],
}

/// Up to this many pairs are kept in memory at once.
const KEEP: usize = 1 << 24;
/// Pairs drawn to bracket the median of more.
const DRAWN: usize = 1 << 16;
/// Rows of a tile.
const ROWS: usize = 128;
/// Columns of a tile.
const COLUMNS: usize = 1024;

impl<T: Real> Union<'_, '_, T> {
    fn len(&self) -> usize {
        self.parts[0].len() + self.parts[1].len()
    }

    fn pairs(&self) -> usize {
        self.len() * (self.len() - 1) / 2
    }

    /// The median distance; of an even number, the mean of the two in the middle.
    fn median(&self) -> f64 {
        let pairs = self.pairs();
        let (low, high) = ((pairs - 1) / 2, pairs / 2);
        if pairs <= KEEP {
            return middle(self.collect(|_| true).0, low, high);
        }
        let mut margin = 0.01;
        loop {
            let (from, to) = self.bracket(margin);
            let (kept, below) = self.collect_between(from, to);
            if low >= below && high < below + kept.len() {
                return middle(kept, low - below, high - below);
            }
            // The draw misled: with the whole range as bracket this ends.
            margin = if margin < 0.1 { 0.1 } else { 1.0 };
        }
    }

    fn mean_of_all(&self) -> f64 {
        self.total().0 / self.pairs() as f64
    }

    fn mean_of_positive(&self) -> Option<f64> {
        let (sum, count) = self.total();
        (count > 0).then(|| sum / count as f64)
    }

    /// Σ of distances, and how many are positive.
    fn total(&self) -> (f64, usize) {
        self.over_tiles(|row: &[T]| {
            let distance = |d2: &T| d2.wide().sqrt();
            (row.iter().map(distance).sum::<f64>(), row.iter().filter(|d2| **d2 > T::zero()).count())
        })
        .into_iter()
        .flatten()
        .fold((0.0, 0), |(s, c), (x, y)| (s + x, c + y))
    }

    /// Squared distances that pass, and how many did not.
    fn collect(&self, keep: impl Fn(T) -> bool + Sync) -> (Vec<T>, usize) {
        let rows = self.over_tiles(|row: &[T]| row.iter().copied().filter(|d2| keep(*d2)).collect::<Vec<T>>());
        let mut all = Vec::with_capacity(rows.iter().flatten().map(Vec::len).sum());
        rows.iter().flatten().for_each(|row| all.extend_from_slice(row));
        let left_out = self.pairs() - all.len();
        (all, left_out)
    }

    /// Squared distances in `from..=to`, and how many lie below.
    fn collect_between(&self, from: T, to: T) -> (Vec<T>, usize) {
        let rows = self.over_tiles(|row: &[T]| {
            let kept: Vec<T> = row.iter().copied().filter(|d2| *d2 >= from && *d2 <= to).collect();
            (kept, row.iter().filter(|d2| **d2 < from).count())
        });
        let below = rows.iter().flatten().map(|(_, below)| below).sum();
        (rows.into_iter().flatten().flat_map(|(kept, _)| kept).collect(), below)
    }

    /// Squared distances that bracket the median of all pairs, by the quantiles ½ ± margin of some drawn ones.
    fn bracket(&self, margin: f64) -> (T, T) {
        if margin >= 0.5 {
            return (T::zero(), T::infinity());
        }
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let mut drawn: Vec<T> = (0..DRAWN)
            .map(|_| {
                let i = rng.random_range(0..self.len());
                let j = (i + rng.random_range(1..self.len())) % self.len();
                T::of(squared_distance(self.original(i), self.original(j)))
            })
            .collect();
        drawn.sort_unstable_by(|x, y| x.wide().total_cmp(&y.wide()));
        let at = |q: f64| drawn[(q * DRAWN as f64) as usize];
        (at(0.5 - margin), at(0.5 + margin))
    }

    fn original(&self, i: usize) -> &[T] {
        let first = self.parts[0].len();
        if i < first { self.parts[0].original(i) } else { self.parts[1].original(i - first) }
    }

    /// Calls `read` on the squared distances of each row of each tile; every pair is seen once.
    fn over_tiles<R: Send>(&self, read: impl Fn(&[T]) -> R + Sync) -> Vec<Vec<R>> {
        let [a, b] = self.parts;
        let mut tasks = Vec::new();
        for (x, y, own) in [(a, a, true), (a, b, false), (b, b, true)] {
            for start in (0..x.len()).step_by(ROWS) {
                tasks.push((x, y, start..(start + ROWS).min(x.len()), own));
            }
        }
        let run = |(x, y, rows, own): (&Points<T>, &Points<T>, std::ops::Range<usize>, bool)| {
            let (mut tile, mut results) = (Vec::new(), Vec::new());
            let first = if own { rows.start } else { 0 };
            for start in (first..y.len()).step_by(COLUMNS) {
                let columns = start..(start + COLUMNS).min(y.len());
                let (height, width, d) = (rows.len(), columns.len(), x.width());
                tile.resize(height * width, T::zero());
                let (xs, ys) = (view(x.rows(&rows), height, d), view(y.rows(&columns), width, d));
                T::multiply(view_mut(&mut tile, height, width), Accum::Replace, xs, ys.transpose(), Par::Seq);
                for (i, row) in rows.clone().zip(tile.chunks_exact_mut(width)) {
                    // Within a cloud only the columns after the row count.
                    let skip = if own { (i + 1).saturating_sub(columns.start).min(width) } else { 0 };
                    let (row, columns) = (&mut row[skip..], columns.start + skip..columns.end);
                    kernel::squared_distances(row, x.norm(i), y.norms(&columns));
                    x.replace_close(i, y, &columns, row, None);
                    results.push(read(row));
                }
            }
            results
        };
        let work = self.pairs() * a.width();
        if work < 1 << 21 { tasks.into_iter().map(run).collect() } else { tasks.into_par_iter().map(run).collect() }
    }
}

/// The mean of the roots of two order statistics of squared distances.
fn middle<T: Real>(mut squared: Vec<T>, low: usize, high: usize) -> f64 {
    let order = |x: &T, y: &T| x.wide().total_cmp(&y.wide());
    let (below, at_high, _) = squared.select_nth_unstable_by(high, order);
    let at_high = at_high.wide().sqrt();
    if low == high {
        return at_high;
    }
    let at_low = below.iter().fold(0.0f64, |m, x| m.max(x.wide())).sqrt();
    0.5 * (at_low + at_high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cloud, error::Side, testing};

    fn all_distances(x: &[f64], d: usize) -> Vec<f64> {
        let n = x.len() / d;
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let mut all: Vec<f64> =
            pairs.map(|(i, j)| squared_distance(&x[i * d..][..d], &x[j * d..][..d]).sqrt()).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn median_and_mean_of_the_union() {
        for (n, m) in [(1, 1), (2, 3), (40, 27), (150, 131)] {
            let z = testing::normal(7, (n + m) * 3);
            let (x, y) = z.split_at(n * 3);
            let (a, b) = (Cloud::new(Side::A, x, n, 3).unwrap(), Cloud::new(Side::B, y, m, 3).unwrap());
            let (a, b) = Points::centred(&a, &b);
            let all = all_distances(&z, 3);
            let median = 0.5 * (all[(all.len() - 1) / 2] + all[all.len() / 2]);
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            assert!((Bandwidth::Median.sigma(&a, &b).unwrap() - median).abs() < 1e-12);
            assert!((Bandwidth::Mean.sigma(&a, &b).unwrap() - mean).abs() < 1e-12);
        }
    }

    #[test]
    fn a_bracket_finds_the_same_median() {
        let z = testing::normal(8, 200 * 4);
        let (x, y) = z.split_at(90 * 4);
        let (a, b) = (Cloud::new(Side::A, x, 90, 4).unwrap(), Cloud::new(Side::B, y, 110, 4).unwrap());
        let (a, b) = Points::centred(&a, &b);
        let union = Union { parts: [&a, &b] };
        let (from, to) = union.bracket(0.02);
        let (kept, below) = union.collect_between(from, to);
        assert!(kept.len() < union.pairs() / 10);
        let (low, high) = ((union.pairs() - 1) / 2 - below, union.pairs() / 2 - below);
        assert_eq!(middle(kept, low, high), union.median());
    }

    #[test]
    fn a_median_of_zero_falls_back_to_the_mean_positive_distance() {
        let (x, y) = ([0.0f64, 0.0, 0.0, 0.0, 3.0], [0.0f64; 2]);
        let (a, b) = (Cloud::new(Side::A, &x, 5, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        let (a, b) = Points::centred(&a, &b);
        assert!((Bandwidth::Median.sigma(&a, &b).unwrap() - 3.0).abs() < 1e-12);
        let b2 = Cloud::new(Side::B, &y, 2, 1).unwrap();
        let (a, b) = Points::centred(&b2, &b2);
        assert_eq!(Bandwidth::Median.sigma(&a, &b), None);
    }
}
