//! A view of n samples with d features each, with weights and, where a divergence wants them, labels.
//! Everything that can be wrong with the data is checked once, here; divergences trust a `Cloud`.

use crate::{
    error::{OtError, Side},
    isa::{Isa, Kernel, LANES, Simd},
    real::Real,
};

/// What is known of the classes of a cloud's samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Labels<'a, T> {
    /// Nothing.
    None,
    /// One class a sample.
    Hard(&'a [u32]),
    /// A distribution over classes a sample, row-major `[n, classes]` (softmax outputs).
    Soft {
        /// Row-major `[n, classes]`.
        values: &'a [T],
        /// Classes of each distribution.
        classes: usize,
    },
}

/// Sum of squares in the values' own precision: not finite if any value is not, and above the square of each.
struct SumOfSquares<'a, T> {
    values: &'a [T],
}

impl<T: Real> Kernel for SumOfSquares<'_, T> {
    type Output = T;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> T {
        let (chunks, tail) = self.values.as_chunks::<LANES>();
        let (quads, rest) = chunks.as_chunks::<4>();
        let mut sums = [T::vsplat(simd, T::zero()); 4];
        for quad in quads {
            for (sum, chunk) in sums.iter_mut().zip(quad) {
                let x = T::vload(simd, chunk);
                *sum = T::vfma(simd, x, x, *sum);
            }
        }
        for chunk in rest {
            let x = T::vload(simd, chunk);
            sums[0] = T::vfma(simd, x, x, sums[0]);
        }
        let mut lanes = [T::zero(); LANES];
        let pairs = (T::vadd(simd, sums[0], sums[1]), T::vadd(simd, sums[2], sums[3]));
        T::vstore(simd, T::vadd(simd, pairs.0, pairs.1), &mut lanes);
        lanes.into_iter().chain(tail.iter().map(|&x| x * x)).sum()
    }
}

/// n samples × d features, row-major, with marginal weights that sum to one.
#[derive(Debug, Clone)]
pub struct Cloud<'a, T> {
    side: Side,
    features: &'a [T],
    n: usize,
    d: usize,
    weights: Option<Weights>,
    labels: Labels<'a, T>,
    /// Σ x² over all features, infinite where the squares leave the range.
    sum_of_squares: f64,
}

/// Weights as they came and as shares of their sum.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    pub given: Vec<f64>,
    pub normalised: Vec<f64>,
}

impl Weights {
    /// Weights of `count` samples of a side.
    ///
    /// # Errors
    /// Another number of weights, a negative or non-finite one, or a sum of zero.
    pub(crate) fn new(side: Side, weights: &[f64], count: usize) -> Result<Self, OtError> {
        if weights.len() != count {
            return Err(OtError::WeightCount { side, expected: count, found: weights.len() });
        }
        if let Some(row) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(OtError::Weight { side, row, value: weights[row] });
        }
        let mut given = weights.to_vec();
        let mut sum: f64 = given.iter().sum();
        if !sum.is_finite() {
            // Only shares count. A power of two changes no digit of them, and what it lets vanish is no share at all.
            given.iter_mut().for_each(|w| *w *= 2f64.powi(-600));
            sum = given.iter().sum();
        }
        if sum <= 0.0 {
            return Err(OtError::WeightSum { side });
        }
        let normalised = given.iter().map(|w| w / sum).collect();
        Ok(Self { given, normalised })
    }
}

impl<'a, T: Real> Cloud<'a, T> {
    /// A cloud with uniform weights over a row-major slice `[n, d]`.
    ///
    /// # Errors
    /// No samples, a slice of another length, or a value that is not finite (its row is named).
    pub fn new(side: Side, features: &'a [T], n: usize, d: usize) -> Result<Self, OtError> {
        if n == 0 || d == 0 {
            return Err(OtError::Empty { side });
        }
        if features.len() != n * d {
            return Err(OtError::Length { what: format!("{side}"), rows: n, columns: d, found: features.len() });
        }
        // One sum without a branch for each value: a search for the first bad one takes as long as a small product. Where the sum
        // says nothing (squares of large values leave the range), values are looked at one by one.
        let limit = largest::<T>(d);
        let sum_of_squares = Isa::detect().run(SumOfSquares { values: features });
        let all_good = sum_of_squares <= limit;
        let bad = if all_good { None } else { features.iter().position(|x| x.is_nan() || x.abs() > limit) };
        if let Some(at) = bad {
            let (row, column, value) = (at / d, at % d, features[at].wide());
            return Err(match value.is_finite() {
                true => OtError::TooLarge { side, row, column, value, limit: limit.wide() },
                false => OtError::NonFinite { side, row, column, value },
            });
        }
        Ok(Self { side, features, n, d, weights: None, labels: Labels::None, sum_of_squares: sum_of_squares.wide() })
    }

    /// The same samples under these weights, normalised to sum to one in `f64`.
    ///
    /// # Errors
    /// Another number of weights, a negative or non-finite one, or a sum of zero.
    pub fn with_weights(mut self, weights: &[f64]) -> Result<Self, OtError> {
        self.weights = Some(Weights::new(self.side, weights, self.n)?);
        Ok(self)
    }

    /// The same samples with one class each.
    ///
    /// # Errors
    /// Another number of labels than samples.
    pub fn with_labels(mut self, labels: &'a [u32]) -> Result<Self, OtError> {
        if labels.len() != self.n {
            return Err(OtError::LabelCount { side: self.side, expected: self.n, found: labels.len() });
        }
        self.labels = Labels::Hard(labels);
        Ok(self)
    }

    /// The same samples with a distribution over classes each, row-major `[n, classes]`.
    ///
    /// # Errors
    /// A slice of another length, or a value that is not finite.
    pub fn with_soft_labels(mut self, values: &'a [T], classes: usize) -> Result<Self, OtError> {
        let side = self.side;
        if values.len() != self.n * classes || classes == 0 {
            return Err(OtError::Length {
                what: format!("the soft labels of {side}"),
                rows: self.n,
                columns: classes,
                found: values.len(),
            });
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return Err(OtError::NonFinite { side, row: at / classes, column: at % classes, value: values[at].wide() });
        }
        self.labels = Labels::Soft { values, classes };
        Ok(self)
    }

    /// The same samples, weights and labels at other places, row-major `[n, width]`.
    ///
    /// # Errors
    /// As [`Cloud::new`].
    pub fn moved_to<'f>(&self, features: &'f [T]) -> Result<Cloud<'f, T>, OtError>
    where
        'a: 'f,
    {
        let moved = Cloud::new(self.side, features, self.n, features.len() / self.n)?;
        Ok(Cloud { weights: self.weights.clone(), labels: self.labels, ..moved })
    }

    /// The features in `f64`.
    pub(crate) fn widened(&self) -> Vec<f64> {
        self.features.iter().map(|x| x.wide()).collect()
    }

    /// The same samples and weights under other numbers for the features, of this shape; without labels.
    pub(crate) fn with_features<'b, U: Real>(&self, features: &'b [U]) -> Cloud<'b, U> {
        let Self { side, n, d, ref weights, sum_of_squares, .. } = *self;
        Cloud { side, features, n, d, weights: weights.clone(), labels: Labels::None, sum_of_squares }
    }

    /// Σ x² over all features to a few digits; infinite where the squares leave the range of this precision on either side.
    pub(crate) fn sum_of_squares(&self) -> f64 {
        let least = self.features.len() as f64 * T::min_positive_value().wide() / T::epsilon().wide();
        if self.sum_of_squares > least { self.sum_of_squares } else { f64::INFINITY }
    }

    /// Whether both clouds hold the same samples under the same weights in the same order.
    pub(crate) fn is_same_as(&self, other: &Cloud<T>) -> bool {
        self.d == other.d && self.features == other.features && self.weights == other.weights
    }

    /// Which of the two clouds this is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Number of samples n.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Never true: a cloud has at least one sample.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Number of features d.
    pub fn width(&self) -> usize {
        self.d
    }

    /// All features, row-major `[n, d]`.
    pub fn features(&self) -> &'a [T] {
        self.features
    }

    /// The features of sample `i`.
    pub fn row(&self, i: usize) -> &'a [T] {
        &self.features[i * self.d..(i + 1) * self.d]
    }

    /// The weight of sample `i`; all weights sum to one.
    pub fn weight(&self, i: usize) -> f64 {
        self.weights().map_or(1.0 / self.n as f64, |w| w[i])
    }

    /// Explicit weights, or `None` when they are uniform.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_ref().map(|w| w.normalised.as_slice())
    }

    /// Both forms of explicit weights.
    pub(crate) fn explicit_weights(&self) -> Option<&Weights> {
        self.weights.as_ref()
    }

    /// The weights as they were given, or `None` when they are uniform: dividing them rounds each, and two clouds with the same
    /// weights in another order would no longer have the same masses.
    pub fn masses(&self) -> Option<&[f64]> {
        self.weights.as_ref().map(|w| w.given.as_slice())
    }

    /// The weights as a vector, uniform ones written out.
    pub fn weights_vec(&self) -> Vec<f64> {
        self.weights().map_or_else(|| vec![1.0 / self.n as f64; self.n], <[f64]>::to_vec)
    }

    /// What is known of the samples' classes.
    pub fn labels(&self) -> Labels<'a, T> {
        self.labels
    }
}

/// Fails unless both clouds have the same width.
///
/// # Errors
/// [`OtError::Widths`], which names `gw` as the metric that accepts them.
pub fn equal_widths<T: Real>(metric: &str, a: &Cloud<T>, b: &Cloud<T>) -> Result<(), OtError> {
    if a.width() == b.width() {
        return Ok(());
    }
    Err(OtError::Widths { metric: metric.to_owned(), a: a.width(), b: b.width(), alternatives: "gw".to_owned() })
}

/// Whether no value is infinite or NaN.
pub(crate) fn all_finite<T: Real>(values: &[T]) -> bool {
    Isa::detect().run(SumOfSquares { values }).is_finite() || values.iter().all(|x| x.is_finite())
}

/// The largest feature of which squared distances over d columns, at most 4 d x², are numbers with room for what joint costs and
/// sums of a few of them add. Solvers rely on it: a cost that is not finite can send a shortest path in circles.
fn largest<T: Real>(d: usize) -> T {
    (T::max_value() / T::of(1024.0 * d as f64)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_whose_sum_is_beyond_all_numbers_are_shares_all_the_same() {
        let weights = Weights::new(Side::B, &[1e308, 1.5e308, 0.0, 1.25e308, 1e300], 5).unwrap();
        let small = Weights::new(Side::B, &[1e8, 1.5e8, 0.0, 1.25e8, 1.0], 5).unwrap();
        for (large, small) in weights.normalised.iter().zip(&small.normalised) {
            assert!((large - small).abs() <= 1e-15, "{large} {small}");
        }
        assert!(weights.given.iter().sum::<f64>().is_finite());
        assert!(matches!(Weights::new(Side::A, &[0.0, 0.0], 2), Err(OtError::WeightSum { .. })));
        assert!(matches!(Weights::new(Side::A, &[f64::INFINITY], 1), Err(OtError::Weight { .. })));
        // Smallest numbers: their shares are whole numbers' shares.
        assert_eq!(Weights::new(Side::A, &[5e-324, 1.5e-323], 2).unwrap().normalised, [0.25, 0.75]);
    }
}
