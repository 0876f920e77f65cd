//! Pair sums of sets that are not held: every tile of one with every tile of the other, two of them in memory at a time. Ranks share the
//! pairs of tiles, and sums are added in their order, so that a value does not depend on the ranks.

use std::ops::Range;

use kd2m_simd::ranks::{Ranks, share, wire};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::{
    Factors, TILE_ROWS, Tiles,
    bandwidth::{self, Bandwidth, in_tiles, middle},
    kernel::PairKernel,
    points::{Points, common_middle_of},
};
use crate::{
    cost::squared_distance,
    divergence::base::Request,
    matrix::norm_squared,
    real::Real,
    sets::tiles::{Reader, over_all},
    stop::Interrupted,
};

/// Two sets, and the point that both are shifted by.
pub(crate) struct Pairs<'s, T> {
    ranks: &'s dyn Ranks,
    sets: [&'s Reader<'s, T>; 2],
    centre: Vec<f64>,
    /// Every pair of tiles once.
    all: Vec<Pair>,
    /// Mean squared norms of the shifted samples of each set.
    pub norms: [f64; 2],
    /// The largest squared norm of all.
    largest: f64,
}

/// A tile of one set with a tile of the same or the other.
struct Pair {
    of: [usize; 2],
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Pair {
    /// Whether it is a tile with itself.
    fn is_one(&self) -> bool {
        self.of[0] == self.of[1] && self.rows == self.columns
    }

    /// Which of the sums it belongs to: A with A, A with B, B with B.
    fn sum(&self) -> usize {
        self.of[0] + self.of[1]
    }
}

impl<'s, T: Real> Pairs<'s, T> {
    /// All pairs of two sets.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn new(ranks: &'s dyn Ranks, a: &'s Reader<'s, T>, b: &'s Reader<'s, T>) -> Result<Self, Interrupted> {
        let sets = [a, b];
        let centre = common_middle_of(&a.middle(), &b.middle());
        let tiles = sets.map(Reader::tiles);
        let mut all = Vec::new();
        for of in [[0, 0], [0, 1], [1, 1]] {
            for (k, rows) in tiles[of[0]].iter().enumerate() {
                let first = if of[0] == of[1] { k } else { 0 };
                all.extend(tiles[of[1]][first..].iter().map(|columns| Pair {
                    of,
                    rows: rows.clone(),
                    columns: columns.clone(),
                }));
            }
        }
        let (mut norms, mut largest) = ([0.0; 2], 0.0f64);
        for (norm, of) in norms.iter_mut().zip(sets) {
            let parts = over_all(
                ranks,
                &of.tiles(),
                || of.check(),
                |tile| {
                    let rows = of.rows(tile.clone()).values;
                    let squares = rows.chunks_exact(of.width()).map(|row| {
                        let shifted: Vec<f64> = row.iter().zip(&centre).map(|(x, c)| x.wide() - c).collect();
                        norm_squared(&shifted)
                    });
                    let weighed = tile.clone().zip(squares).filter(|(i, _)| of.set.weight(*i) > 0.0);
                    weighed.fold((0.0, 0.0f64), |(sum, most), (i, square)| {
                        (sum + of.set.weight(i) * square, most.max(square))
                    })
                },
            )?;
            *norm = parts.iter().map(|(sum, _)| sum).sum();
            largest = parts.iter().fold(largest, |most, (_, own)| most.max(*own));
        }
        Ok(Self { ranks, sets, centre, all, norms, largest })
    }

    /// Both tiles of a pair, as samples with their weights.
    fn with<R>(&self, pair: &Pair, work: impl FnOnce(&Points<T>, &Points<T>) -> R) -> R {
        let tile = |of: usize, rows: &Range<usize>| self.sets[of].rows(rows.clone());
        let first = tile(pair.of[0], &pair.rows);
        let cloud = first.cloud();
        let points = |cloud, of: usize, rows: &Range<usize>| {
            let (set, from) = (self.sets[of].set, rows.start);
            Points::weighted(cloud, &self.centre, move |i| set.weight(from + i))
        };
        let x = points(&cloud, pair.of[0], &pair.rows);
        if pair.is_one() {
            return work(&x, &x);
        }
        let second = tile(pair.of[1], &pair.columns);
        let cloud = second.cloud();
        work(&x, &points(&cloud, pair.of[1], &pair.columns))
    }

    fn check(&self) -> Result<(), Interrupted> {
        self.sets.iter().try_for_each(|set| set.check())
    }

    /// factor_aa Σ a_i a_j k + factor_ab Σ a_i b_j k + factor_bb Σ b_i b_j k, as [`super::pair_sum`] has it.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn sum<K: PairKernel<T>>(&self, kernel: &K, factors: Factors) -> Result<f64, Interrupted> {
        let request = Request { stop: self.sets[0].stop, ..Request::VALUE };
        let parts = over_all(
            self.ranks,
            &self.all,
            || self.check(),
            |pair| {
                self.with(pair, |x, y| {
                    let own = pair.is_one().then_some(factors.diagonal);
                    // Pairs of two tiles of one set stand for themselves turned round, too.
                    let times = if pair.of[0] == pair.of[1] && !pair.is_one() { 2.0 } else { 1.0 };
                    let blocks = (0..x.len()).step_by(TILE_ROWS).map(|start| start..(start + TILE_ROWS).min(x.len()));
                    let of_block = |rows: Range<usize>| {
                        Tiles::new(kernel, x, rows, None, pair.of[0] == 0, request).columns(y, 0..y.len(), 0.0, own)
                    };
                    times * blocks.map(of_block).sum::<f64>()
                })
            },
        )?;
        let mut sums = [0.0; 3];
        self.all.iter().zip(parts).for_each(|(pair, part)| sums[pair.sum()] += part);
        Ok(factors.aa * sums[0] + factors.ab * sums[1] + factors.bb * sums[2])
    }

    /// σ for all samples with weight, as [`Bandwidth::sigma`] has it.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn sigma(&self, bandwidth: Bandwidth) -> Result<Option<f64>, Interrupted> {
        let sigma = match bandwidth {
            Bandwidth::Fixed(sigma) => return Ok(Some(sigma)),
            Bandwidth::Median | Bandwidth::Multi => self.median()?,
            Bandwidth::Mean => {
                let (sum, _) = self.total()?;
                sum / self.count() as f64
            }
        };
        if sigma > 0.0 {
            return Ok(Some(sigma));
        }
        let (sum, positive) = self.total()?;
        Ok((positive > 0).then(|| sum / positive as f64))
    }

    /// Samples with weight.
    fn kept(&self, of: usize) -> Vec<usize> {
        (0..self.sets[of].len()).filter(|&i| self.sets[of].set.weight(i) > 0.0).collect()
    }

    /// Pairs of different samples with weight.
    fn count(&self) -> usize {
        let of = |k: usize| match self.sets[k].set.weights() {
            Some(weights) => weights.iter().filter(|w| **w > 0.0).count(),
            None => self.sets[k].len(),
        };
        let samples = of(0) + of(1);
        samples * (samples - 1) / 2
    }

    /// Σ of distances of all pairs, and how many are positive.
    fn total(&self) -> Result<(f64, u64), Interrupted> {
        let parts = over_all(
            self.ranks,
            &self.all,
            || self.check(),
            |pair| {
                let (mut sum, mut positive) = (0.0, 0u64);
                self.distances(pair, |row| {
                    sum += row.iter().map(|d2| d2.wide().sqrt()).sum::<f64>();
                    positive += row.iter().filter(|d2| **d2 > T::zero()).count() as u64;
                });
                (sum, positive)
            },
        )?;
        Ok(parts.iter().fold((0.0, 0), |(s, p), (sum, positive)| (s + sum, p + positive)))
    }

    /// Calls `read` on the squared distances of a pair of tiles, each pair of samples once.
    fn distances(&self, pair: &Pair, mut read: impl FnMut(&[T])) {
        self.with(pair, |x, y| {
            for start in (0..x.len()).step_by(bandwidth::ROWS) {
                let rows = start..(start + bandwidth::ROWS).min(x.len());
                in_tiles(x, y, &rows, pair.is_one(), self.sets[0].stop, &mut read);
            }
        });
    }

    /// This rank's pairs, folded by its threads.
    fn folded<R: Send>(
        &self,
        new: impl Fn() -> R + Sync + Send,
        read: impl Fn(&mut R, &[T]) + Sync + Send,
        join: impl Fn(R, R) -> R + Sync + Send,
    ) -> Result<R, Interrupted> {
        let own = &self.all[share(self.all.len(), self.ranks.rank(), self.ranks.size())];
        let fold = |mut found: R, pair: &Pair| {
            self.distances(pair, |row| read(&mut found, row));
            found
        };
        let found = own.par_iter().fold(&new, fold).reduce(&new, join);
        self.check()?;
        Ok(found)
    }

    /// The median distance; of an even number, the mean of the two in the middle. Of many pairs first counted in bins, then only those of
    /// the bins in the middle are kept.
    fn median(&self) -> Result<f64, Interrupted> {
        let pairs = self.count();
        let (low, high) = ((pairs - 1) / 2, pairs / 2);
        let mut margin = bandwidth::MARGIN;
        let mut range = match pairs <= KEPT {
            true => (0.0, self.at_most()),
            false => self.bracket(margin),
        };
        loop {
            let bins = Bins { from: range.0, to: range.1 };
            let counted = self.counted(bins)?;
            let Some((first, last, inside)) = counted.bins_of(low, high) else {
                // The draw misled: with the whole range this ends.
                margin = if margin < 0.1 { 0.1 } else { 0.5 };
                range = if margin < 0.5 { self.bracket(margin) } else { (0.0, self.at_most()) };
                continue;
            };
            if inside <= KEPT as u64 {
                let below = counted.below + counted.bins[..first].iter().sum::<u64>();
                let kept = self.kept_in(bins, first..last + 1)?;
                return Ok(middle(kept, low - below as usize, high - below as usize));
            }
            let (from, to) = (bins.edge(first), bins.edge(last + 1));
            let room = (to - from) * 1e-3;
            let narrower = ((from - room).max(0.0), to + room);
            if narrower.1 - narrower.0 >= 0.5 * (range.1 - range.0) || narrower.1 - narrower.0 <= f64::EPSILON * to {
                // So many pairs of one distance, to rounding.
                return Ok((0.5 * (from + to)).sqrt());
            }
            range = narrower;
        }
    }

    /// No squared distance is larger.
    fn at_most(&self) -> f64 {
        4.04 * self.largest + f64::MIN_POSITIVE
    }

    fn bracket(&self, margin: f64) -> (f64, f64) {
        let kept = [0, 1].map(|of| self.kept(of));
        let count = kept[0].len() + kept[1].len();
        let row = |k: usize| match k.checked_sub(kept[0].len()) {
            None => self.sets[0].rows(kept[0][k]..kept[0][k] + 1).values,
            Some(k) => self.sets[1].rows(kept[1][k]..kept[1][k] + 1).values,
        };
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let mut drawn: Vec<f64> = (0..bandwidth::DRAWN)
            .map(|_| {
                let i = rng.random_range(0..count);
                let j = (i + rng.random_range(1..count)) % count;
                squared_distance(&row(i), &row(j))
            })
            .collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let at = |q: f64| drawn[(q * bandwidth::DRAWN as f64) as usize];
        (at(0.5 - margin), at(0.5 + margin))
    }

    fn counted(&self, bins: Bins) -> Result<Counted, Interrupted> {
        let new = || Counted { below: 0, bins: vec![0; BINS] };
        let read = |found: &mut Counted, row: &[T]| {
            for d2 in row {
                match bins.of(d2.wide()) {
                    Place::Below => found.below += 1,
                    Place::In(bin) => found.bins[bin] += 1,
                    Place::Above => {}
                }
            }
        };
        let join = |mut a: Counted, b: Counted| {
            a.below += b.below;
            a.bins.iter_mut().zip(b.bins).for_each(|(a, b)| *a += b);
            a
        };
        let own = self.folded(new, read, join)?;
        let all = wire::gather(self.ranks, vec![(own.below, own.bins)]);
        Ok(all.into_iter().map(|(below, bins)| Counted { below, bins }).fold(new(), join))
    }

    /// The squared distances in some bins.
    fn kept_in(&self, bins: Bins, of: Range<usize>) -> Result<Vec<T>, Interrupted> {
        let read = |found: &mut Vec<f64>, row: &[T]| {
            let inside = |d2: &f64| matches!(bins.of(*d2), Place::In(bin) if of.contains(&bin));
            found.extend(row.iter().map(|d2| d2.wide()).filter(inside));
        };
        let join = |mut a: Vec<f64>, mut b: Vec<f64>| {
            a.append(&mut b);
            a
        };
        let own = self.folded(Vec::new, read, join)?;
        Ok(wire::gather(self.ranks, own).into_iter().map(T::of).collect())
    }
}

/// Squared distances that are kept at most.
const KEPT: usize = 1 << 22;

/// Bins of one count.
const BINS: usize = 1 << 14;

/// A range of squared distances in equal bins.
#[derive(Debug, Clone, Copy)]
struct Bins {
    from: f64,
    to: f64,
}

/// Where a squared distance lies.
enum Place {
    Below,
    In(usize),
    Above,
}

impl Bins {
    fn of(self, d2: f64) -> Place {
        if d2 < self.from {
            Place::Below
        } else if d2 > self.to {
            Place::Above
        } else {
            let share = (d2 - self.from) / (self.to - self.from).max(f64::MIN_POSITIVE);
            Place::In(((share * BINS as f64) as usize).min(BINS - 1))
        }
    }

    fn edge(self, bin: usize) -> f64 {
        self.from + (self.to - self.from) * bin as f64 / BINS as f64
    }
}

/// How many squared distances lie where.
struct Counted {
    below: u64,
    bins: Vec<u64>,
}

impl Counted {
    /// The bins of two places in the order of all, and how many lie in these and between; `None` where they are in no bin.
    fn bins_of(&self, low: usize, high: usize) -> Option<(usize, usize, u64)> {
        let place = |rank: usize| {
            let mut left = (rank as u64).checked_sub(self.below)?;
            self.bins.iter().position(|count| {
                let found = left < *count;
                left = left.saturating_sub(*count);
                found
            })
        };
        let (first, last) = (place(low)?, place(high)?);
        Some((first, last, self.bins[first..=last].iter().sum()))
    }
}
