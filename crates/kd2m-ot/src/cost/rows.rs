//! What the assignment solver sees of two clouds: costs held as a matrix, or computed again in tiles whenever rows are read.
//! Both know how far an entry can lie from the exact cost and can compute single pairs exactly, for the certificate.

use std::ops::Range;

use kd2m_simd::ranks::{Ranks, share, wire};

pub(crate) use super::ground::Ground;
use super::pairwise::Pairwise;
use crate::{
    buffers::Buffer,
    cloud::Cloud,
    pool::Pool,
    real::Real,
    room,
    sets::Over,
    solver::assignment::rows::{Fetched, Rows},
    stop::Interrupted,
};

/// Costs of two clouds of equal size.
pub(crate) struct CloudRows<'a, T: Real> {
    pool: &'a Pool,
    a: &'a Cloud<'a, T>,
    b: &'a Cloud<'a, T>,
    pairs: Pairwise<T>,
    ground: Ground,
    /// All costs, when they are held.
    matrix: Option<Buffer<T>>,
    over: Over<'a>,
    /// Threads of all ranks together.
    threads: usize,
    /// What centring took from the costs of each column, where potentials are kept.
    second: Vec<f64>,
}

impl<'a, T: Real> CloudRows<'a, T> {
    /// Costs between two clouds from their products; every rank holds the matrix if it takes at most `memory` bytes and all have these.
    ///
    /// # Errors
    /// The problem was told to stop.
    pub(crate) fn new(
        pool: &'a Pool,
        a: &'a Cloud<'a, T>,
        b: &'a Cloud<'a, T>,
        pairs: Pairwise<T>,
        ground: Ground,
        memory: usize,
        over: Over<'a>,
    ) -> Result<Self, Interrupted> {
        let bytes = room::bytes::<T>(&[a.len(), b.len()]);
        // The search keeps as much again: costs as whole numbers.
        let matrix = if over.agree(bytes <= memory && room::is_there(bytes.saturating_mul(2))) {
            let mut cost = pairs.matrix(pool)?;
            if ground == Ground::Distance {
                cost.iter_mut().for_each(|c| *c = c.sqrt());
            }
            Some(cost)
        } else {
            None
        };
        // Ranks must do the same, whatever threads each of them has.
        let threads = wire::gather(over.ranks, vec![pool.size() as u64]).iter().sum::<u64>() as usize;
        let mut rows = Self { pool, a, b, pairs, ground, matrix, over, threads, second: Vec::new() };
        if over.keep.is_some() {
            rows.second = rows.centred_away();
        }
        Ok(rows)
    }

    /// What centring took from the costs of each column.
    pub(crate) fn centred_away(&self) -> Vec<f64> {
        match self.ground {
            Ground::Squared => self.pairs.separable_part_by(self.pool, self.a, self.b).1,
            Ground::Distance => vec![0.0; self.b.len()],
        }
    }

    /// Computes the costs between some rows and the columns of some panels, `[rows, columns]`.
    fn compute(&self, rows: &[u32], panels: Range<usize>, out: &mut [T]) {
        self.pairs.fill_panels(rows, panels, out);
        if self.ground == Ground::Distance {
            out.iter_mut().for_each(|c| *c = c.sqrt());
        }
    }

    /// One row's costs with the columns of some panels. Reading the columns takes longer than multiplying them, so each thread reads its
    /// part of them.
    fn compute_row(&self, row: u32, panels: Range<usize>, out: &mut [T]) {
        let each = panels.len().div_ceil(self.pool.size());
        let width = self.pairs.columns_of(0..each).len();
        self.pool.share_chunks(out, width, |k, out| {
            let first = panels.start + k * each;
            self.compute(&[row], first..(first + each).min(panels.end), out);
        });
    }

    /// The products behind the costs.
    pub(crate) fn pairs(&self) -> &Pairwise<T> {
        &self.pairs
    }

    /// What one unit of these costs is in the features' units.
    pub(crate) fn unit(&self) -> f64 {
        self.ground.unit(self.pairs.scale)
    }
}

impl<T: Real> Rows for CloudRows<'_, T> {
    type Element = T;

    fn size(&self) -> usize {
        self.a.len()
    }

    #[inline(always)]
    fn fetch<'s>(&'s self, rows: &[u32], scratch: &'s mut Vec<T>) -> Fetched<'s, T> {
        match &self.matrix {
            Some(cost) => Fetched::held(cost, self.b.len()),
            None => {
                scratch.resize(rows.len() * self.b.len(), T::zero());
                self.compute(rows, 0..self.pairs.panel_count(), scratch);
                Fetched::only(scratch, self.b.len())
            }
        }
    }

    fn fetch_together<'s>(&'s self, rows: &[u32], scratch: &'s mut Vec<T>) -> Fetched<'s, T> {
        if self.matrix.is_some() {
            return self.fetch(rows, scratch);
        }
        let m = self.b.len();
        scratch.resize(rows.len() * m, T::zero());
        let panels = self.pairs.panel_count();
        if let &[row] = rows {
            self.compute_row(row, 0..panels, scratch);
        } else {
            let each = rows.len().div_ceil(self.pool.size());
            self.pool.share_chunks(scratch, each * m, |k, out| {
                self.compute(&rows[k * each..][..out.len() / m], 0..panels, out);
            });
        }
        Fetched::only(scratch, m)
    }

    fn fetch_by_all<'s>(&'s self, row: u32, scratch: &'s mut Vec<T>) -> Fetched<'s, T> {
        let ranks = self.over.ranks;
        if self.matrix.is_some() || ranks.size() == 1 {
            return self.fetch_together(&[row], scratch);
        }
        let own = share(self.pairs.panel_count(), ranks.rank(), ranks.size());
        let mut part = vec![T::zero(); self.pairs.columns_of(own.clone()).len()];
        self.compute_row(row, own, &mut part);
        scratch.clear();
        match T::singles(&part) {
            Some(part) => scratch.extend(ranks.gather(part).into_iter().map(|c| T::of(c.into()))),
            None => {
                let part: Vec<f64> = part.iter().map(|c| c.wide()).collect();
                scratch.extend(wire::gather(ranks, part).into_iter().map(T::of));
            }
        }
        Fetched::only(scratch, self.b.len())
    }

    fn ranks(&self) -> &dyn Ranks {
        self.over.ranks
    }

    fn keep(&self, v: &[i32], scale: f64) -> Result<(), Interrupted> {
        let Some(keep) = self.over.keep else { return Ok(()) };
        let unit = self.unit();
        let v: Vec<f64> = v.iter().zip(&self.second).map(|(&v, s)| f64::from(v) / scale * unit + s).collect();
        keep(&v).map_err(|_| Interrupted)
    }

    fn rounding(&self, i: usize, row: &[T]) -> f64 {
        let least = match self.ground {
            Ground::Squared => 0.0,
            Ground::Distance => row.iter().fold(f64::INFINITY, |least, c| least.min(c.wide())),
        };
        self.ground.rounding(self.pairs.rounding(i), least, self.pairs.largest_norm(), T::epsilon())
    }

    fn exact(&self, i: usize, j: usize) -> Option<f64> {
        let squared = self.pairs.exact(self.a.row(i), self.b.row(j));
        Some(self.ground.of_squared(squared))
    }

    fn doubt(&self, i: usize, j: usize, cost: f64) -> f64 {
        match self.ground {
            Ground::Squared => self.pairs.doubt(i, j, cost),
            Ground::Distance => self.ground.of_error(self.pairs.doubt(i, j, cost * cost), cost),
        }
    }

    fn batch(&self) -> usize {
        if self.matrix.is_some() { 1 } else { 48 * self.threads }
    }

    fn block(&self, threads: usize) -> usize {
        match (&self.matrix, threads) {
            (Some(_), 1) => self.size(),
            (Some(_), _) => self.size().div_ceil(8 * threads),
            (None, _) => self.size().div_ceil(8 * threads).min(self.pairs.block()),
        }
    }
}
