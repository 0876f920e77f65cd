//! Mean and covariance of a cloud in `f64`, kept as centred rows: with r_i = √w_i (x_i − μ), Σ = rᵀ r, so that no d × d matrix
//! is needed where n is smaller than d. Next: [`crate::divergence::gaussian_w2`].

use crate::{
    cloud::Cloud,
    error::OtError,
    isa,
    matrix::{norm_squared, product, view},
    precision::growth,
    real::Real,
};
use faer::MatRef;

/// First and second moments of a weighted cloud.
pub(crate) struct Moments {
    pub n: usize,
    pub d: usize,
    /// The samples' weights a_i, which sum to one.
    pub weights: Vec<f64>,
    /// μ.
    pub mean: Mean,
    /// √w_i, where w_i = a_i, or a_i / (1 − Σ a²) for unbiased covariances.
    pub roots: Vec<f64>,
    /// √w_i (x_i − μ), row-major `[n, d]`; of a set that is not held fewer rows with the same Gram matrix, at most d.
    pub rows: Vec<f64>,
}

impl Moments {
    /// Moments with 1/n (with the weights as given): they describe the empirical measure itself.
    ///
    /// # Errors
    /// [`OtError::TooFewSamples`] for a single sample.
    pub(crate) fn new<T: Real>(metric: &str, cloud: &Cloud<T>) -> Result<Self, OtError> {
        at_least_two(metric, cloud)?;
        Ok(Self::scaled(cloud, 1.0))
    }

    /// Covariance with n − 1, or 1/(1 − Σ a²) under weights.
    ///
    /// # Errors
    /// [`OtError::TooFewSamples`] for a single sample, or a single one with weight.
    pub(crate) fn unbiased<T: Real>(metric: &str, cloud: &Cloud<T>) -> Result<Self, OtError> {
        at_least_two(metric, cloud)?;
        let rest = effective_rest(metric, cloud)?;
        Ok(Self::scaled(cloud, 1.0 / rest))
    }

    fn scaled<T: Real>(cloud: &Cloud<T>, scale: f64) -> Self {
        let (n, d) = (cloud.len(), cloud.width());
        let weights = cloud.weights_vec();
        let mean = mean(cloud);
        let roots: Vec<f64> = weights.iter().map(|a| (a * scale).sqrt()).collect();
        let mut rows = Vec::with_capacity(n * d);
        for (i, root) in roots.iter().enumerate() {
            rows.extend(mean.residuals(cloud.row(i)).map(|r| root * r));
        }
        Self { n, d, weights, mean, roots, rows }
    }

    /// Of n samples with this mean, from rows whose Gram matrix is the covariance: enough for values, not for gradients, which ask for
    /// the samples' weights.
    pub(crate) fn of_rows(n: usize, mean: Mean, rows: Vec<f64>) -> Self {
        let d = mean.shift.len();
        Self { n, d, weights: Vec::new(), mean, roots: Vec::new(), rows }
    }

    /// Rows that the covariance is the Gram matrix of.
    pub(crate) fn height(&self) -> usize {
        self.rows.len() / self.d
    }

    /// The scaled centred rows as a matrix `[n, d]`.
    pub(crate) fn matrix(&self) -> MatRef<'_, f64> {
        view(&self.rows, self.height(), self.d)
    }

    /// μ − μ' and how far it may be off in norm.
    pub(crate) fn difference(&self, other: &Self) -> (Vec<f64>, f64) {
        let delta = self.mean.minus(&other.mean);
        let own = self.mean.error(self.trace(), self.n) + other.mean.error(other.trace(), other.n);
        let error = own + 2.0 * f64::EPSILON * norm_squared(&delta).sqrt();
        (delta, error)
    }

    /// ε times what the sums over samples lose: the relative error of variances.
    pub(crate) fn unit(&self) -> f64 {
        growth(self.n) * f64::EPSILON
    }

    /// tr Σ.
    pub(crate) fn trace(&self) -> f64 {
        norm_squared(&self.rows)
    }

    /// The diagonal of Σ, `[d]`.
    pub(crate) fn variances(&self) -> Vec<f64> {
        let mut variances = vec![0.0; self.d];
        for row in self.rows.chunks_exact(self.d) {
            isa::arch().dispatch(|| variances.iter_mut().zip(row).for_each(|(v, r)| *v += r * r));
        }
        variances
    }

    /// Σ, row-major `[d, d]`.
    pub(crate) fn covariance(&self) -> Vec<f64> {
        product(self.matrix().transpose(), self.matrix())
    }

    /// The gradient with respect to the features, from that to μ `[d]` and to the rows r `[n, d]`: a_i ∂μ + √w_i ∂r_i.
    ///
    /// Valid for functions of Σ, whose Σ_i √w_i ∂r_i is zero.
    pub(crate) fn gradient<T: Real>(&self, to_mean: &[f64], to_rows: &[f64]) -> Vec<T> {
        let mut gradient = Vec::with_capacity(self.n * self.d);
        for (i, row) in to_rows.chunks_exact(self.d).enumerate() {
            let (a, root) = (self.weights[i], self.roots[i]);
            gradient.extend(row.iter().zip(to_mean).map(|(r, m)| T::of(a * m + root * r)));
        }
        gradient
    }
}

/// μ of a cloud as one of its samples and the way from there, both `[d]`: what all samples have in common stands in the first alone
/// and cancels exactly, however large it is.
pub(crate) struct Mean {
    pub origin: Vec<f64>,
    pub shift: Vec<f64>,
}

impl Mean {
    /// x − μ of a sample.
    pub(crate) fn residuals<'s, T: Real>(&'s self, row: &'s [T]) -> impl Iterator<Item = f64> + 's {
        row.iter().zip(&self.origin).zip(&self.shift).map(|((x, o), s)| (x.wide() - o) - s)
    }

    /// μ − μ'.
    pub(crate) fn minus(&self, other: &Self) -> Vec<f64> {
        let origins = self.origin.iter().zip(&other.origin);
        let shifts = self.shift.iter().zip(&other.shift);
        origins.zip(shifts).map(|((o, p), (s, t))| (o - p) + (s - t)).collect()
    }

    /// How far μ may be off in norm, for n samples whose mean squared distance from μ is `spread`.
    pub(crate) fn error(&self, spread: f64, n: usize) -> f64 {
        growth(n) * f64::EPSILON * (spread + norm_squared(&self.shift)).sqrt()
    }
}

/// The mean under the weights, around [`middle`]: a constant feature has exactly that mean, hence variance 0.
pub(crate) fn mean<T: Real>(cloud: &Cloud<T>) -> Mean {
    let n = cloud.len();
    let origin = middle(cloud);
    let mut shift = vec![0.0; cloud.width()];
    for i in 0..n {
        let a = cloud.weight(i);
        let columns = shift.iter_mut().zip(cloud.row(i)).zip(&origin);
        isa::arch().dispatch(|| columns.for_each(|((s, x), o)| *s += a * (x.wide() - o.wide())));
    }
    Mean { origin: origin.iter().map(|o| o.wide()).collect(), shift }
}

/// A point amid the samples: feature by feature the median of three medians of three samples that have weight (Tukey 1978). Unlike
/// the mean it stays there when a few samples lie far away, so that what is measured from it is small for all others.
pub(crate) fn middle<T: Real>(cloud: &Cloud<T>) -> Vec<T> {
    middle_of(cloud.len(), cloud.width(), cloud.weights(), |i| cloud.row(i))
}

/// The same of n samples of this width under these weights, of which a few are asked for.
pub(crate) fn middle_of<T: Real, R: AsRef<[T]>>(
    n: usize,
    width: usize,
    weights: Option<&[f64]>,
    row: impl Fn(usize) -> R,
) -> Vec<T> {
    const LOOKED_AT: usize = 9;
    let with_mass: Option<Vec<usize>> = weights.map(|w| (0..w.len()).filter(|&i| w[i] > 0.0).collect::<Vec<usize>>());
    let count = with_mass.as_ref().map_or(n, Vec::len);
    let rows: [R; LOOKED_AT] = std::array::from_fn(|k| {
        let at = k * count / LOOKED_AT;
        row(with_mass.as_ref().map_or(at, |kept| kept[at]))
    });
    let less = |x: T, y: T| if y < x { y } else { x };
    let more = |x: T, y: T| if y > x { y } else { x };
    let median = |x: T, y: T, z: T| more(less(x, y), less(more(x, y), z));
    let mut middle = vec![T::zero(); width];
    let [a, b, c, d, e, f, g, h, i] = rows.each_ref().map(|row| &row.as_ref()[..width]);
    isa::arch().dispatch(|| {
        for (k, middle) in middle.iter_mut().enumerate() {
            let (first, second) = (median(a[k], b[k], c[k]), median(d[k], e[k], f[k]));
            *middle = median(first, second, median(g[k], h[k], i[k]));
        }
    });
    middle
}

/// Fails for a cloud of one sample, which has no variance.
///
/// # Errors
/// [`OtError::TooFewSamples`].
pub(crate) fn at_least_two<T: Real>(metric: &str, cloud: &Cloud<T>) -> Result<(), OtError> {
    if cloud.len() >= 2 {
        return Ok(());
    }
    Err(OtError::TooFewSamples { metric: metric.to_owned(), side: cloud.side(), needed: 2, found: cloud.len() })
}

/// 1 − Σ a_i²: the mass of the pairs of different samples, (n − 1)/n for uniform weights.
///
/// # Errors
/// [`OtError::TooFewSamples`] when a single sample carries all the weight.
pub(crate) fn effective_rest<T: Real>(metric: &str, cloud: &Cloud<T>) -> Result<f64, OtError> {
    let found = (0..cloud.len()).filter(|&i| cloud.weight(i) > 0.0).count();
    if found < 2 {
        return Err(OtError::TooFewSamples { metric: metric.to_owned(), side: cloud.side(), needed: 2, found });
    }
    Ok(1.0 - (0..cloud.len()).map(|i| cloud.weight(i).powi(2)).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Side;

    #[test]
    fn a_constant_feature_has_variance_exactly_zero() {
        let x: Vec<f64> = (0..7).flat_map(|i| [0.1, i as f64 * 0.3]).collect();
        let cloud = Cloud::new(Side::A, &x, 7, 2).unwrap().with_weights(&[0.0, 1.0, 2.0, 3.0, 1.0, 1.0, 0.1]).unwrap();
        assert_eq!(Moments::new("test", &cloud).unwrap().variances()[0], 0.0);
    }

    #[test]
    fn a_common_offset_and_a_shared_outlier_leave_the_difference_of_means() {
        // Exact in binary: quarters, an offset of 2⁴⁰, and one far sample on both sides.
        let side = |step: f64| {
            let mut x: Vec<f64> = (0..64).map(|i| f64::from(i % 8) * 0.25 + step + 2f64.powi(40)).collect();
            x[0] = 2f64.powi(40) + 2f64.powi(36);
            x
        };
        let (x, y) = (side(0.0), side(0.5));
        let (a, b) = (Cloud::new(Side::A, &x, 64, 1).unwrap(), Cloud::new(Side::B, &y, 64, 1).unwrap());
        let (a, b) = (Moments::new("test", &a).unwrap(), Moments::new("test", &b).unwrap());
        let (delta, error) = a.difference(&b);
        let exact = -0.5 * 63.0 / 64.0;
        assert!((delta[0] - exact).abs() <= error && error < 1e-3, "{delta:?} {error}");
    }

    #[test]
    fn unbiased_covariance_divides_by_n_minus_one() {
        let x = [1.0f32, 2.0, 3.0, 5.0, 4.0, 1.0];
        let cloud = Cloud::new(Side::A, &x, 3, 2).unwrap();
        let covariance = Moments::unbiased("test", &cloud).unwrap().covariance();
        let by_hand = [7.0 / 3.0, -1.0 / 6.0, -1.0 / 6.0, 13.0 / 3.0];
        for (found, expected) in covariance.iter().zip(by_hand) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
}
