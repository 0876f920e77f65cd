//! The costs of an entropic problem as c_ij = r_i + s_j − θ·p_ij: for squared distances p is the product XYᵀ, r and s are the
//! squared norms. Offsets live in the potentials, so the loops touch p alone, held in memory or recomputed tile by tile.

use std::ops::Range;

use faer::{Accum, Par};
use kd2m_simd::ranks::{
    Ranks, share,
    wire::{self, Wire},
};
use rayon::prelude::*;

use crate::{
    matrix::{self, view, view_mut},
    real::Real,
    stop::{Interrupted, Stop},
};

/// Rows handled together: the height of a recomputed tile of samples that are held, and how many rows are summed before `f64` takes over.
pub(super) const BLOCK: usize = 64;
/// Blocks are dealt to the cores in this many groups at most; fixed, so that sums do not depend on the number of threads.
const GROUPS: usize = 16;
/// Below this many pairs waking a second core costs more than it saves.
const PARALLEL_FROM: usize = 1 << 15;

/// Products of samples that are not held, which several ranks may share.
pub(crate) trait Products<T>: Sync {
    /// The products of some rows with all columns, row-major.
    fn fill(&self, rows: &Range<usize>, out: &mut [T]);

    /// Rows to be filled at once.
    fn height(&self) -> usize;

    /// Fails where there are no more products to be had.
    ///
    /// # Errors
    /// Told to stop, or what is read cannot be.
    fn check(&self) -> Result<(), Interrupted>;

    /// Who shares the rows.
    fn ranks(&self) -> &dyn Ranks;
}

/// Where p comes from.
enum Source<'a, T> {
    /// Computed elsewhere whenever it is read.
    Read(Box<dyn Products<T> + 'a>),
    /// A row-major matrix `[n, m]`.
    Dense(Vec<T>),
    /// A borrowed one.
    Borrowed(&'a [T]),
    /// Products of the rows of two matrices `[n, d]` and `[m, d]`, recomputed whenever they are read.
    Products { x: &'a [T], y: &'a [T], d: usize },
}

/// The scores p of all pairs, with the offsets and the factor that make them costs.
pub(crate) struct Scores<'a, T> {
    source: Source<'a, T>,
    /// r, `[n]`.
    pub rows: &'a [f64],
    /// s, `[m]`.
    pub columns: &'a [f64],
    /// θ.
    pub factor: f64,
    /// Ends the problem early.
    pub stop: &'a Stop,
}

impl<'a, T: Real> Scores<'a, T> {
    /// A cost matrix `[n, m]` as it is; `zeros` serves as offsets and holds at least max(n, m) zeros.
    pub(crate) fn from_cost(cost: &'a [T], n: usize, m: usize, zeros: &'a [f64]) -> Self {
        Self {
            source: Source::Borrowed(cost),
            rows: &zeros[..n],
            columns: &zeros[..m],
            factor: -1.0,
            stop: &Stop::NEVER,
        }
    }

    /// Squared distances between the rows of `x` and `y`, whose squared norms are given. `hold` keeps the n·m products in memory.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn squared_distances(
        (x, x_norms): (&'a [T], &'a [f64]),
        (y, y_norms): (&'a [T], &'a [f64]),
        d: usize,
        hold: bool,
        stop: &'a Stop,
    ) -> Result<Self, Interrupted> {
        let (n, m) = (x_norms.len(), y_norms.len());
        let source = if hold {
            Source::Dense(matrix::product_until(view(x, n, d), view(y, m, d).transpose(), stop)?)
        } else {
            Source::Products { x, y, d }
        };
        Ok(Self { source, rows: x_norms, columns: y_norms, factor: 2.0, stop })
    }

    /// The same where rows are not held: `products` computes them.
    pub(crate) fn read(
        products: Box<dyn Products<T> + 'a>,
        x_norms: &'a [f64],
        y_norms: &'a [f64],
        stop: &'a Stop,
    ) -> Self {
        Self { source: Source::Read(products), rows: x_norms, columns: y_norms, factor: 2.0, stop }
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.rows.len(), self.columns.len())
    }

    /// Scores of a range of rows, in memory or computed into `buffer`.
    pub(super) fn block<'s>(&'s self, range: &Range<usize>, buffer: &'s mut Vec<T>) -> &'s [T] {
        let m = self.columns.len();
        match &self.source {
            Source::Read(products) => {
                buffer.resize(range.len() * m, T::zero());
                products.fill(range, buffer);
                buffer
            }
            Source::Dense(all) => &all[range.start * m..range.end * m],
            Source::Borrowed(all) => &all[range.start * m..range.end * m],
            Source::Products { x, y, d } => {
                let height = range.len();
                buffer.resize(height * m, T::zero());
                let x = view(&x[range.start * d..range.end * d], height, *d);
                T::multiply(view_mut(buffer, height, m), Accum::Replace, x, view(y, m, *d).transpose(), Par::Seq);
                buffer
            }
        }
    }

    /// Runs `work` over groups of rows, on both cores where that pays, and returns the results in order. `work` leaves its group
    /// early once [`Self::stop`] is set.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn groups<R: Send>(
        &self,
        work: impl Fn(Range<usize>) -> R + Sync + Send,
    ) -> Result<Vec<R>, Interrupted> {
        self.some_groups(self.ranges(), work)
    }

    /// The same where several ranks may share the groups: each works on its own, and all are told all results.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn groups_of_all<R: Send + Wire>(
        &self,
        work: impl Fn(Range<usize>) -> R + Sync + Send,
    ) -> Result<Vec<R>, Interrupted> {
        let Source::Read(products) = &self.source else { return self.groups(work) };
        let (mut ranges, ranks) = (self.ranges(), products.ranks());
        let own = share(ranges.len(), ranks.rank(), ranks.size());
        let found = self.some_groups(ranges.drain(own).collect(), work)?;
        products.check()?;
        Ok(wire::gather(ranks, found))
    }

    /// The rows of each group.
    fn ranges(&self) -> Vec<Range<usize>> {
        let n = self.rows.len();
        let step = n.div_ceil(GROUPS).next_multiple_of(BLOCK);
        (0..n).step_by(step).map(|start| start..(start + step).min(n)).collect()
    }

    fn some_groups<R: Send>(
        &self,
        ranges: Vec<Range<usize>>,
        work: impl Fn(Range<usize>) -> R + Sync + Send,
    ) -> Result<Vec<R>, Interrupted> {
        let (n, m) = self.shape();
        let found = if n * m < PARALLEL_FROM || rayon::current_num_threads() == 1 {
            ranges.into_iter().map(work).collect()
        } else {
            ranges.into_par_iter().map(work).collect()
        };
        self.stop.check()?;
        Ok(found)
    }

    /// The blocks of a group, until the problem is told to stop.
    pub(super) fn blocks(&self, group: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let (stop, end) = (self.stop, group.end);
        let height = match &self.source {
            Source::Read(products) => products.height(),
            _ => BLOCK,
        };
        let blocks = group.step_by(height).map(move |start| start..(start + height).min(end));
        blocks.take_while(|_| !stop.is_set())
    }
}
