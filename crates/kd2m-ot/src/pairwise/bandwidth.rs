//! The scale σ of a kernel from the data: median or mean distance of the different points of A ∪ B, held constant for the gradient.
//! Few distances are sorted out directly; of many only those in a bracket around the median are kept, so that memory stays
//! small. Next: [`super::kernel::Gaussian`].

use std::{cmp::Ordering, ops::Range};

use faer::{Accum, Par};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::{distances::Distances, kernel, points::Points};
use crate::{
    cost::squared_distance,
    error::OtError,
    isa,
    matrix::{view, view_mut},
    parameters::domain::{Choice, Domain, Value, is_scale},
    real::Real,
    stop::{Interrupted, Stop},
};

/// How σ is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Bandwidth {
    /// The median distance.
    #[default]
    Median,
    /// The mean distance.
    Mean,
    /// A given σ, in the units of the features.
    Fixed(f64),
    /// Five kernels around the median distance.
    Multi,
}

impl From<f64> for Bandwidth {
    fn from(sigma: f64) -> Self {
        Self::Fixed(sigma)
    }
}

impl Value for Bandwidth {
    fn read(text: &str) -> Option<Self> {
        let word = [Self::Median, Self::Mean, Self::Multi].into_iter().find(|value| value.word() == text);
        word.or_else(|| f64::read(text).map(Self::Fixed))
    }

    fn write(&self) -> String {
        match self {
            Self::Fixed(sigma) => sigma.write(),
            word => word.word().to_owned(),
        }
    }
}

impl Choice for Bandwidth {
    const DOMAIN: Domain<Self> =
        Domain::new("median | mean | multi | a number from 1e-100 to 1e100", |bandwidth| match bandwidth {
            Self::Fixed(sigma) => is_scale(sigma),
            _ => true,
        });
    const HELP: &'static str = "σ: median or mean distance between different points of A ∪ B, a number, or multi (mean of five kernels, σ = median · ¼, ½, 1, 2, 4); held constant for the gradient";
}

/// A σ that is given lies between these multiples of the samples' extent.
const SHARES: std::ops::RangeInclusive<f64> = 1e-15..=1e15;
const MULTIPLES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

impl Bandwidth {
    /// What is chosen where nothing is said.
    pub const DEFAULT: Self = Self::Median;

    /// The word of its text form, where it is no number.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Mean => "mean",
            Self::Multi => "multi",
            Self::Fixed(_) => "a number",
        }
    }

    /// σ for these points; where it comes out 0 the mean positive distance, and `None` where all points coincide.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn sigma<T: Real>(
        self,
        a: &Points<T>,
        b: &Points<T>,
        stored: Option<&Distances<T>>,
        stop: &Stop,
    ) -> Result<Option<f64>, Interrupted> {
        let union = Union { parts: [a, b], stored, stop };
        let sigma = match self {
            Bandwidth::Fixed(sigma) => return Ok(Some(sigma)),
            Bandwidth::Median | Bandwidth::Multi => union.median()?,
            Bandwidth::Mean => union.mean_of_all()?,
        };
        if sigma > 0.0 { Ok(Some(sigma)) } else { union.mean_of_positive() }
    }

    /// Fails for a given σ beside which all samples are one point, or none is near another, whatever they are.
    ///
    /// # Errors
    /// [`OtError::BadOption`] with the range for these samples.
    pub(crate) fn check<T: Real>(self, metric: &str, a: &Points<T>, b: &Points<T>) -> Result<(), OtError> {
        self.check_extent(metric, (a.mean_of(|norm| norm) + b.mean_of(|norm| norm)).sqrt())
    }

    /// The same of samples that reach so far.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    pub(crate) fn check_extent(self, metric: &str, extent: f64) -> Result<(), OtError> {
        match self {
            Bandwidth::Fixed(sigma) if extent > 0.0 && !SHARES.contains(&(sigma / extent)) => Err(OtError::BadOption {
                metric: metric.to_owned(),
                name: "bandwidth".to_owned(),
                value: format!("{sigma:e}"),
                expected: format!(
                    "for these features, which reach over {extent:.1e}, a number from {:.0e} to {:.0e}, or median",
                    SHARES.start() * extent,
                    SHARES.end() * extent
                ),
            }),
            _ => Ok(()),
        }
    }

    /// Whether σ has to be read off the distances.
    pub(crate) fn reads_distances(self) -> bool {
        !matches!(self, Bandwidth::Fixed(_))
    }

    /// The kernel widths that go with a σ.
    pub(crate) fn widths(self, sigma: f64) -> Vec<f64> {
        match self {
            Bandwidth::Multi => MULTIPLES.iter().map(|m| m * sigma).collect(),
            _ => vec![sigma],
        }
    }
}

/// All points of both clouds.
struct Union<'p, 'c, T> {
    parts: [&'p Points<'c, T>; 2],
    /// Their squared distances, where these are kept.
    stored: Option<&'p Distances<T>>,
    stop: &'p Stop,
}

/// Up to this many pairs are sorted out at once; of more only those near the median are looked at.
const SELECT: usize = 1 << 16;
/// Pairs drawn to bracket the median.
pub(super) const DRAWN: usize = 1 << 12;
/// The bracket's half-width in quantiles: three standard deviations of a quantile of the drawn pairs.
pub(super) const MARGIN: f64 = 0.025;
/// Rows of a tile.
pub(super) const ROWS: usize = 128;
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
    fn median(&self) -> Result<f64, Interrupted> {
        let pairs = self.pairs();
        let (low, high) = ((pairs - 1) / 2, pairs / 2);
        if pairs <= SELECT {
            let all = self.fold(|all: &mut Vec<T>, row| all.extend_from_slice(row))?;
            return Ok(middle(all.concat(), low, high));
        }
        let mut margin = MARGIN;
        loop {
            let (from, to) = self.bracket(margin);
            let (kept, below) = self.between(from, to)?;
            if low >= below && high < below + kept.len() {
                return Ok(middle(kept, low - below, high - below));
            }
            // The draw misled: with the whole range as bracket this ends.
            margin = if margin < 0.1 { 0.1 } else { 0.5 };
        }
    }

    fn mean_of_all(&self) -> Result<f64, Interrupted> {
        Ok(self.total()?.0 / self.pairs() as f64)
    }

    fn mean_of_positive(&self) -> Result<Option<f64>, Interrupted> {
        let (sum, count) = self.total()?;
        Ok((count > 0).then(|| sum / count as f64))
    }

    /// Σ of distances, and how many are positive.
    fn total(&self) -> Result<(f64, usize), Interrupted> {
        let parts = self.fold(|(sum, count): &mut (f64, usize), row| {
            *sum += row.iter().map(|d2| d2.wide().sqrt()).sum::<f64>();
            *count += row.iter().filter(|d2| **d2 > T::zero()).count();
        })?;
        Ok(parts.iter().fold((0.0, 0), |(s, c), (x, y)| (s + x, c + y)))
    }

    /// Squared distances in `from..=to`, and how many lie below.
    fn between(&self, from: T, to: T) -> Result<(Vec<T>, usize), Interrupted> {
        let parts = self.fold(|(kept, below): &mut (Vec<T>, usize), row| {
            kept.extend(row.iter().copied().filter(|d2| *d2 >= from && *d2 <= to));
            *below += isa::arch().dispatch(|| row.iter().map(|d2| u32::from(*d2 < from)).sum::<u32>()) as usize;
        })?;
        let below = parts.iter().map(|(_, below)| below).sum();
        Ok((parts.into_iter().flat_map(|(kept, _)| kept).collect(), below))
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
                self.squared_distance(i.min(j), i.max(j))
            })
            .collect();
        drawn.sort_unstable_by(order);
        let at = |q: f64| drawn[(q * DRAWN as f64) as usize];
        (at(0.5 - margin), at(0.5 + margin))
    }

    /// Of two points of the union, i < j.
    fn squared_distance(&self, i: usize, j: usize) -> T {
        let [a, b] = self.parts;
        let n = a.len();
        match self.stored {
            Some(stored) if i >= n => stored.rows(false, true, &(i - n..i - n + 1))[j - n],
            Some(stored) if j >= n => stored.rows(true, false, &(i..i + 1))[j - n],
            Some(stored) => stored.rows(true, true, &(i..i + 1))[j],
            None => {
                let original = |i: usize| if i < n { a.original(i) } else { b.original(i - n) };
                T::of(squared_distance(original(i), original(j)))
            }
        }
    }

    /// Folds the squared distances of every pair once, row by row, into one value for each block of rows.
    ///
    /// # Errors
    /// Told to stop.
    fn fold<R: Default + Send>(&self, read: impl Fn(&mut R, &[T]) + Sync) -> Result<Vec<R>, Interrupted> {
        let [a, b] = self.parts;
        let mut tasks = Vec::new();
        for (x, y, of_a, own) in [(a, a, true, true), (a, b, true, false), (b, b, false, true)] {
            tasks.extend((0..x.len()).step_by(ROWS).map(|start| (x, y, start..(start + ROWS).min(x.len()), of_a, own)));
        }
        let run = |(x, y, rows, of_a, own): (&Points<T>, &Points<T>, Range<usize>, bool, bool)| {
            let mut result = R::default();
            match self.stored {
                Some(stored) => {
                    let values = stored.rows(of_a, own, &rows).chunks_exact(y.len());
                    rows.zip(values).for_each(|(i, row)| read(&mut result, &row[if own { i + 1 } else { 0 }..]));
                }
                None => in_tiles(x, y, &rows, own, self.stop, |row| read(&mut result, row)),
            }
            result
        };
        // Reading a stored distance costs about as much as one multiply–add.
        let work = self.pairs() * if self.stored.is_some() { 1 } else { a.width() };
        let found = if work < 1 << 18 {
            tasks.into_iter().map(run).collect()
        } else {
            tasks.into_par_iter().map(run).collect()
        };
        self.stop.check()?;
        Ok(found)
    }
}

/// Calls `read` on the squared distances of rows of x from y, tile by tile until told to stop; within one cloud (`own`) only j > i.
pub(super) fn in_tiles<T: Real>(
    x: &Points<T>,
    y: &Points<T>,
    rows: &Range<usize>,
    own: bool,
    stop: &Stop,
    mut read: impl FnMut(&[T]),
) {
    let (height, d) = (rows.len(), x.width());
    let mut tile = Vec::new();
    for start in (if own { rows.start } else { 0 }..y.len()).step_by(COLUMNS) {
        if stop.is_set() {
            return;
        }
        let columns = start..(start + COLUMNS).min(y.len());
        let width = columns.len();
        tile.resize(height * width, T::zero());
        let (xs, ys) = (view(x.rows(rows), height, d), view(y.rows(&columns), width, d));
        T::multiply(view_mut(&mut tile, height, width), Accum::Replace, xs, ys.transpose(), Par::Seq);
        for (i, row) in rows.clone().zip(tile.chunks_exact_mut(width)) {
            let skip = if own { (i + 1).saturating_sub(columns.start).min(width) } else { 0 };
            let (row, columns) = (&mut row[skip..], columns.start + skip..columns.end);
            kernel::squared_distances(row, x.norm(i), y.norms(&columns));
            x.replace_close(i, y, &columns, row, None);
            read(row);
        }
    }
}

/// The mean of the roots of two order statistics of squared distances.
pub(super) fn middle<T: Real>(mut squared: Vec<T>, low: usize, high: usize) -> f64 {
    let (below, at_high, _) = squared.select_nth_unstable_by(high, order);
    let at_high = at_high.wide().sqrt();
    if low == high {
        return at_high;
    }
    let at_low = below.iter().fold(0.0f64, |m, x| m.max(x.wide())).sqrt();
    0.5 * (at_low + at_high)
}

/// Distances are never NaN.
fn order<T: Real>(x: &T, y: &T) -> Ordering {
    x.partial_cmp(y).unwrap_or(Ordering::Equal)
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
            assert!((Bandwidth::Median.sigma(&a, &b, None, &Stop::NEVER).unwrap().unwrap() - median).abs() < 1e-12);
            assert!((Bandwidth::Mean.sigma(&a, &b, None, &Stop::NEVER).unwrap().unwrap() - mean).abs() < 1e-12);
        }
    }

    #[test]
    fn a_bracket_finds_the_same_median_from_tiles_and_from_stored_distances() {
        let (n, m) = (190, 210);
        let z = testing::normal(8, (n + m) * 4);
        let (x, y) = z.split_at(n * 4);
        let (a, b) = (Cloud::new(Side::A, x, n, 4).unwrap(), Cloud::new(Side::B, y, m, 4).unwrap());
        let (a, b) = Points::centred(&a, &b);
        let all = all_distances(&z, 4);
        let expected = 0.5 * (all[(all.len() - 1) / 2] + all[all.len() / 2]);
        let distances = Distances::of(&a, &b, false, &Stop::NEVER).unwrap();
        for stored in [None, distances.as_ref()] {
            let union = Union { parts: [&a, &b], stored, stop: &Stop::NEVER };
            assert!(union.pairs() > SELECT);
            let (from, to) = union.bracket(MARGIN);
            let (kept, below) = union.between(from, to).unwrap();
            assert!(kept.len() < union.pairs() / 10 && below < union.pairs() / 2);
            assert!((union.median().unwrap() - expected).abs() < 1e-12);
            assert!((union.mean_of_all().unwrap() - all.iter().sum::<f64>() / all.len() as f64).abs() < 1e-12);
        }
    }

    #[test]
    fn a_median_of_zero_falls_back_to_the_mean_positive_distance() {
        let (x, y) = ([0.0f64, 0.0, 0.0, 0.0, 3.0], [0.0f64; 2]);
        let (a, b) = (Cloud::new(Side::A, &x, 5, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        let (a, b) = Points::centred(&a, &b);
        assert!((Bandwidth::Median.sigma(&a, &b, None, &Stop::NEVER).unwrap().unwrap() - 3.0).abs() < 1e-12);
        let b2 = Cloud::new(Side::B, &y, 2, 1).unwrap();
        let (a, b) = Points::centred(&b2, &b2);
        assert_eq!(Bandwidth::Median.sigma(&a, &b, None, &Stop::NEVER).unwrap(), None);
    }
}
