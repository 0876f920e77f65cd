//! The samples of a cloud as the pair sums want them: those with weight, shifted to the common centre so that
//! ‖x‖² + ‖y‖² − 2 xᵀy cancels as little as it can.

use std::ops::Range;

use crate::{cloud::Cloud, cost::squared_distance, matrix::norm_squared, moments::middle, real::Real};

/// Rows of a tile of pairs: enough for the matrix product to run at speed, few enough for the tile to stay in the cache.
pub(crate) const TILE_ROWS: usize = 128;

/// The samples with weight above zero.
pub(crate) struct Points<'c, T> {
    cloud: &'c Cloud<'c, T>,
    kept: Vec<usize>,
    rows: Vec<T>,
    norms: Vec<T>,
    weights: Vec<f64>,
}

/// The point between the middles of two clouds.
pub(crate) fn common_middle<T: Real>(a: &Cloud<T>, b: &Cloud<T>) -> Vec<f64> {
    common_middle_of(&middle(a), &middle(b))
}

/// The same of middles that are known.
pub(crate) fn common_middle_of<T: Real>(a: &[T], b: &[T]) -> Vec<f64> {
    a.iter().zip(b).map(|(p, q)| p.wide() + 0.5 * (q.wide() - p.wide())).collect()
}

impl<'c, T: Real> Points<'c, T> {
    /// Both clouds, shifted by the point between their middles.
    pub(crate) fn centred(a: &'c Cloud<'c, T>, b: &'c Cloud<'c, T>) -> (Self, Self) {
        let centre = common_middle(a, b);
        (Self::shifted(a, &centre), Self::shifted(b, &centre))
    }

    /// The samples as they are.
    pub(crate) fn plain(cloud: &'c Cloud<'c, T>) -> Self {
        Self::shifted(cloud, &vec![0.0; cloud.width()])
    }

    fn shifted(cloud: &'c Cloud<'c, T>, centre: &[f64]) -> Self {
        Self::weighted(cloud, centre, |i| cloud.weight(i))
    }

    /// The samples of a part of a set, under their weights in the whole.
    pub(crate) fn weighted(cloud: &'c Cloud<'c, T>, centre: &[f64], weight: impl Fn(usize) -> f64) -> Self {
        let kept: Vec<usize> = (0..cloud.len()).filter(|&i| weight(i) > 0.0).collect();
        let mut rows = Vec::with_capacity(kept.len() * cloud.width());
        for &i in &kept {
            rows.extend(cloud.row(i).iter().zip(centre).map(|(x, c)| T::of(x.wide() - c)));
        }
        let norms = rows.chunks_exact(cloud.width()).map(|row| T::of(norm_squared(row))).collect();
        let weights = kept.iter().map(|&i| weight(i)).collect();
        Self { cloud, kept, rows, norms, weights }
    }

    /// Number of samples with weight.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Number of features.
    pub(crate) fn width(&self) -> usize {
        self.cloud.width()
    }

    /// A range of shifted samples, row-major.
    pub(crate) fn rows(&self, range: &Range<usize>) -> &[T] {
        &self.rows[range.start * self.width()..range.end * self.width()]
    }

    /// One shifted sample.
    pub(crate) fn row(&self, i: usize) -> &[T] {
        self.rows(&(i..i + 1))
    }

    /// One sample as it came.
    pub(crate) fn original(&self, i: usize) -> &[T] {
        self.cloud.row(self.kept[i])
    }

    /// ‖x_i‖² of a shifted sample.
    pub(crate) fn norm(&self, i: usize) -> T {
        self.norms[i]
    }

    /// ‖x_i‖² of a range of shifted samples.
    pub(crate) fn norms(&self, range: &Range<usize>) -> &[T] {
        &self.norms[range.clone()]
    }

    /// The weight of one sample.
    pub(crate) fn weight(&self, i: usize) -> f64 {
        self.weights[i]
    }

    /// All weights, or `None` when they are uniform.
    pub(crate) fn explicit_weights(&self) -> Option<&[f64]> {
        self.cloud.weights().map(|_| self.weights.as_slice())
    }

    /// The weights of a range of samples.
    pub(crate) fn weights(&self, range: &Range<usize>) -> &[f64] {
        &self.weights[range.clone()]
    }

    /// Σ a_i f(‖x_i‖²) over the shifted samples.
    pub(crate) fn mean_of(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.norms.iter().zip(&self.weights).map(|(norm, a)| a * f(norm.wide())).sum()
    }

    /// A gradient over the samples with weight, written out for all samples of the cloud.
    pub(crate) fn scatter(&self, gradient: Vec<T>) -> Vec<T> {
        if self.kept.len() == self.cloud.len() {
            return gradient;
        }
        let d = self.width();
        let mut full = vec![T::zero(); self.cloud.len() * d];
        for (row, &i) in gradient.chunks_exact(d).zip(&self.kept) {
            full[i * d..][..d].copy_from_slice(row);
        }
        full
    }

    /// Recomputes, as differences, the squared distances of a row that lost more than half of their digits to cancellation,
    /// and returns where they are (`skip`, the sample itself, left out).
    pub(crate) fn replace_close(
        &self,
        i: usize,
        y: &Points<T>,
        columns: &Range<usize>,
        row: &mut [T],
        skip: Option<usize>,
    ) -> Vec<usize> {
        let limit = T::epsilon().sqrt();
        let norm = self.norms[i];
        let norms = y.norms(columns);
        let is_close = |d2: T, other: T| d2 < limit * (norm + other);
        // Counted first, without a branch: most rows have none.
        let count: u32 = row.iter().zip(norms).map(|(&d2, &other)| u32::from(is_close(d2, other))).sum();
        if count == u32::from(skip.is_some()) {
            return Vec::new();
        }
        let mut close = Vec::new();
        for at in 0..row.len() {
            if Some(at) != skip && is_close(row[at], norms[at]) {
                row[at] = T::of(squared_distance(self.original(i), y.original(columns.start + at)));
                close.push(at);
            }
        }
        close
    }
}
