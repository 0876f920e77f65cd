//! Sums of a kernel over all pairs of samples, Σ a_i a_j k(x_i, x_j) and its relatives, with their gradient, tile by tile:
//! two matrix products a tile, no n × m matrix. MMD, the energy distance and KID are such sums.
//! Next: [`points`] for the samples, [`kernel`] for the kernels, [`bandwidth`] for the scale of a kernel.

pub(crate) mod bandwidth;
pub(crate) mod distances;
pub(crate) mod estimator;
pub(crate) mod kernel;
pub(crate) mod points;
pub(crate) mod rounding;
pub(crate) mod sets;

pub use estimator::Estimator;
pub(crate) use estimator::Factors;

use std::ops::Range;

use faer::{Accum, Par};
use rayon::prelude::*;

use self::{
    distances::Distances,
    kernel::PairKernel,
    points::{Points, TILE_ROWS},
};
use crate::{
    divergence::Request,
    matrix::{view, view_mut},
    real::Real,
    stop::{Interrupted, Stop},
};

/// A value with its gradient `[n, d]` over the points of A, if asked for.
pub(crate) struct PairSum<T> {
    pub value: f64,
    pub gradient: Option<Vec<T>>,
}

/// Columns of a tile.
const TILE_COLUMNS: usize = 1024;
/// Below this many multiply–adds one core is faster than waking the second.
const PARALLEL_FROM: usize = 1 << 21;

/// One piece of the sum: rows of A against A and B, or rows of B against B.
enum Task<'g, T> {
    OfA { rows: Range<usize>, gradient: Option<&'g mut [T]> },
    OfB { rows: Range<usize> },
}

/// factor_aa Σ a_i a_j k + factor_ab Σ a_i b_j k + factor_bb Σ b_i b_j k; squared distances are taken from `stored` if given.
/// The value alone, or with its gradient, as `request` asks.
///
/// # Errors
/// Told to stop.
pub(crate) fn pair_sum<T: Real, K: PairKernel<T>>(
    a: &Points<T>,
    b: &Points<T>,
    kernel: &K,
    factors: Factors,
    stored: Option<&Distances<T>>,
    request: Request,
) -> Result<PairSum<T>, Interrupted> {
    let Request { gradient, stop, .. } = request;
    let (n, m, d) = (a.len(), b.len(), a.width());
    let parallel = d * (n * (n + m) + m * m) > PARALLEL_FROM && rayon::current_num_threads() > 1;
    let step =
        if parallel { n.max(m).div_ceil(2 * rayon::current_num_threads()).clamp(32, TILE_ROWS) } else { TILE_ROWS };
    let blocks = |n: usize| (0..n).step_by(step).map(move |start| start..(start + step).min(n));

    let mut full = gradient.then(|| vec![T::zero(); n * d]);
    let mut tasks: Vec<Task<T>> = match &mut full {
        Some(full) => {
            let chunks = full.chunks_mut(step * d);
            blocks(n).zip(chunks).map(|(rows, chunk)| Task::OfA { rows, gradient: Some(chunk) }).collect()
        }
        None => blocks(n).map(|rows| Task::OfA { rows, gradient: None }).collect(),
    };
    tasks.extend(blocks(m).map(|rows| Task::OfB { rows }));

    let run = |task: Task<T>| match task {
        Task::OfA { rows, gradient: None } => {
            let mut tiles = Tiles::new(kernel, a, rows, stored, true, Request { gradient: false, ..request });
            let within = tiles.symmetric(a, factors.diagonal);
            factors.aa * within + factors.ab * tiles.all(b, 0.0)
        }
        Task::OfA { rows, gradient: Some(gradient) } => {
            let mut tiles = Tiles::new(kernel, a, rows, stored, true, request);
            let within = tiles.within(a, 2.0 * factors.aa, factors.diagonal);
            let across = tiles.all(b, factors.ab);
            tiles.write_gradient(gradient);
            factors.aa * within + factors.ab * across
        }
        Task::OfB { rows } => {
            let mut tiles = Tiles::new(kernel, b, rows, stored, false, Request { gradient: false, ..request });
            factors.bb * tiles.symmetric(b, factors.diagonal)
        }
    };
    // Collected before they are added: the order of the sum does not depend on the threads.
    let parts: Vec<f64> =
        if parallel { tasks.into_par_iter().map(run).collect() } else { tasks.into_iter().map(run).collect() };
    stop.check()?;
    Ok(PairSum { value: parts.iter().sum(), gradient: full })
}

/// The work space of one block of rows.
struct Tiles<'p, 'c, T: Real, K> {
    kernel: &'p K,
    x: &'p Points<'c, T>,
    rows: Range<usize>,
    stored: Option<&'p Distances<T>>,
    /// Whether the rows are of A.
    of_a: bool,
    tile: Vec<T>,
    /// Σ_j s_ij, where s_ij is the slope of the kernel times weight and factor.
    slopes: Vec<f64>,
    /// Σ_j s_ij y_j, `[rows, d]`; empty when no gradient is wanted.
    pull: Vec<T>,
    /// Contributions of pairs so close that they are taken as differences, in `f64`; empty until there is one.
    close: Vec<f64>,
    stop: &'p Stop,
}

impl<'p, 'c, T: Real, K: PairKernel<T>> Tiles<'p, 'c, T, K> {
    fn new(
        kernel: &'p K,
        x: &'p Points<'c, T>,
        rows: Range<usize>,
        stored: Option<&'p Distances<T>>,
        of_a: bool,
        request: Request<'p>,
    ) -> Self {
        let pull = vec![T::zero(); if request.gradient { rows.len() * x.width() } else { 0 }];
        let slopes = vec![0.0; rows.len()];
        Self { kernel, x, slopes, rows, stored, of_a, tile: Vec::new(), pull, close: Vec::new(), stop: request.stop }
    }

    /// Σ over these rows and all of y.
    fn all(&mut self, y: &Points<T>, factor: f64) -> f64 {
        self.columns(y, 0..y.len(), factor, None)
    }

    /// Σ over these rows and all of their own cloud.
    fn within(&mut self, x: &Points<T>, factor: f64, diagonal: bool) -> f64 {
        self.columns(x, 0..x.len(), factor, Some(diagonal))
    }

    /// The same without gradient, by symmetry: columns before the block were counted by their own rows.
    fn symmetric(&mut self, x: &Points<T>, diagonal: bool) -> f64 {
        let Range { start, end } = self.rows;
        let square = self.columns(x, start..end, 0.0, Some(diagonal));
        square + 2.0 * self.columns(x, end..x.len(), 0.0, Some(diagonal))
    }

    /// `own`: the columns are of the rows' own cloud, and whether the diagonal counts.
    fn columns(&mut self, y: &Points<T>, columns: Range<usize>, factor: f64, own: Option<bool>) -> f64 {
        let mut total = 0.0;
        for start in columns.clone().step_by(TILE_COLUMNS) {
            if self.stop.is_set() {
                break;
            }
            total += self.one_tile(y, start..(start + TILE_COLUMNS).min(columns.end), factor, own);
        }
        total
    }

    fn one_tile(&mut self, y: &Points<T>, columns: Range<usize>, factor: f64, own: Option<bool>) -> f64 {
        let (height, width, d) = (self.rows.len(), columns.len(), self.x.width());
        self.tile.resize(height * width, T::zero());
        let (x_rows, y_rows) = (view(self.x.rows(&self.rows), height, d), view(y.rows(&columns), width, d));
        match self.stored {
            Some(stored) => {
                let source = stored.rows(self.of_a, own.is_some(), &self.rows).chunks_exact(y.len());
                let target = self.tile.chunks_exact_mut(width);
                target.zip(source).for_each(|(target, source)| target.copy_from_slice(&source[columns.clone()]));
            }
            None => {
                let tile = view_mut(&mut self.tile, height, width);
                T::multiply(tile, Accum::Replace, x_rows, y_rows.transpose(), Par::Seq);
            }
        }
        let mut tile = std::mem::take(&mut self.tile);
        let mut total = 0.0;
        for (local, row) in tile.chunks_exact_mut(width).enumerate() {
            let i = self.rows.start + local;
            let diagonal = own.and_then(|counts| columns.contains(&i).then(|| (i - columns.start, counts)));
            total += self.x.weight(i) * self.one_row(y, &columns, local, row, factor, diagonal);
        }
        if !self.pull.is_empty() {
            T::multiply(view_mut(&mut self.pull, height, d), Accum::Add, view(&tile, height, width), y_rows, Par::Seq);
        }
        self.tile = tile;
        total
    }

    /// Σ_j b_j k(x_i, y_j) over a row of products xᵀy (or stored squared distances), which become slopes.
    fn one_row(
        &mut self,
        y: &Points<T>,
        columns: &Range<usize>,
        local: usize,
        row: &mut [T],
        factor: f64,
        diagonal: Option<(usize, bool)>,
    ) -> f64 {
        let i = self.rows.start + local;
        let mut close = Vec::new();
        if K::RADIAL && self.stored.is_none() {
            kernel::squared_distances(row, self.x.norm(i), y.norms(columns));
            if let Some((at, _)) = diagonal {
                row[at] = T::zero();
            }
            close = self.x.replace_close(i, y, columns, row, diagonal.map(|(at, _)| at));
        }
        let weights = y.weights(columns);
        let own = diagonal.map(|(at, _)| row[at]);
        let gradient = !self.pull.is_empty();
        let mut sum = self.kernel.row(row, weights, if gradient { Some(factor) } else { None });
        if let (Some((at, counts)), Some(mut own)) = (diagonal, own) {
            if !counts {
                sum -= self.kernel.row(std::slice::from_mut(&mut own), &weights[at..=at], None);
                row[at] = T::zero();
            } else if K::RADIAL {
                row[at] = T::zero();
            }
        }
        if gradient && K::RADIAL {
            self.take_close(y, columns, local, row, &close);
            self.slopes[local] += kernel::sum(row);
        }
        sum
    }

    /// Moves the slopes of close pairs out of the tile: s (x − y) as a difference, where s x − s y would cancel.
    fn take_close(&mut self, y: &Points<T>, columns: &Range<usize>, local: usize, row: &mut [T], close: &[usize]) {
        let (i, d) = (self.rows.start + local, self.x.width());
        for &at in close {
            let slope = std::mem::replace(&mut row[at], T::zero()).wide();
            if self.close.is_empty() {
                self.close = vec![0.0; self.rows.len() * d];
            }
            let target = &mut self.close[local * d..][..d];
            let pair = self.x.original(i).iter().zip(y.original(columns.start + at));
            target.iter_mut().zip(pair).for_each(|(t, (x, y))| *t += slope * (x.wide() - y.wide()));
        }
    }

    /// a_i Σ_j s_ij ∂₁, with ∂₁‖x − y‖² = 2 (x − y) and ∂₁ xᵀy = y.
    fn write_gradient(&self, gradient: &mut [T]) {
        let d = self.x.width();
        for (local, target) in gradient.chunks_exact_mut(d).enumerate() {
            let i = self.rows.start + local;
            let (x, pull, weight) = (self.x.row(i), &self.pull[local * d..][..d], self.x.weight(i));
            if K::RADIAL {
                let (scale, own) = (T::of(2.0 * weight), T::of(self.slopes[local]));
                target.iter_mut().zip(x.iter().zip(pull)).for_each(|(t, (x, p))| *t = scale * (own * *x - *p));
            } else {
                let scale = T::of(weight);
                target.iter_mut().zip(pull).for_each(|(t, p)| *t = scale * *p);
            }
            if K::RADIAL && !self.close.is_empty() {
                let close = &self.close[local * d..][..d];
                target.iter_mut().zip(close).for_each(|(t, c)| *t += T::of(2.0 * weight * c));
            }
        }
    }
}
