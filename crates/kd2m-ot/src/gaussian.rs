//! Gaussians fitted to two clouds, with covariances shrunk towards a multiple of the identity so that they can be inverted.
//! S = (1 − s) Σ + s tr(Σ)/d · I; s by OAS (Chen et al. 2010, in the form of scikit-learn) or given, constant for the gradient.
//! Next: [`crate::divergence::gaussian_kl`], the first of the formulas that use it.

use faer::Mat;

use crate::{
    cloud::{Cloud, equal_widths},
    decomposition::Cholesky,
    divergence::Request,
    error::OtError,
    matrix::{norm_squared, product, view},
    moments::{Moments, mean_difference},
    options::{OptionSpec, Options},
    real::Real,
    solution::Solution,
};

/// How much a covariance is shrunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shrinkage {
    /// Oracle approximating shrinkage: least expected squared error for Gaussian samples.
    Oas,
    /// A given share of the identity.
    Fixed(f64),
}

/// The option that chooses it.
pub(crate) const SHRINKAGE: OptionSpec = OptionSpec {
    name: "shrinkage",
    default: "auto",
    help: "share s of tr(Σ)/d · I in the covariance (1 − s) Σ + s tr(Σ)/d · I: auto (OAS) or a number from 0 to 1; with n ≤ d a small fixed s measures mostly noise; held constant for the gradient",
};

impl Shrinkage {
    pub fn read(options: &Options) -> Result<Self, OtError> {
        match options.text("shrinkage") {
            None | Some("auto") => Ok(Shrinkage::Oas),
            Some(_) => {
                let s =
                    options.parsed("shrinkage", 0.0, "auto or a number from 0 to 1", |s| (0.0..=1.0).contains(s))?;
                Ok(Shrinkage::Fixed(s))
            }
        }
    }

    /// s for a covariance `[d, d]` of n samples; under weights n is 1 / Σ a².
    fn of(self, covariance: &[f64], moments: &Moments) -> f64 {
        let Shrinkage::Fixed(s) = self else {
            let (d, n) = (moments.d as f64, 1.0 / norm_squared(&moments.weights));
            let (trace, squares) = (moments.trace(), norm_squared(covariance));
            let denominator = (n + 1.0) * (squares - trace * trace / d);
            return if denominator > 0.0 { ((squares + trace * trace) / denominator).min(1.0) } else { 1.0 };
        };
        s
    }
}

/// A fitted Gaussian with its shrunk covariance.
pub(crate) struct Normal {
    pub covariance: Mat<f64>,
    pub log_det: f64,
    cholesky: Cholesky,
    /// s, and whether the trace that it shrinks to is the cloud's own.
    shrinkage: f64,
    own_trace: bool,
}

impl Normal {
    /// A constant cloud takes `least` for tr(Σ)/d, so that its logarithm stays finite.
    fn fit(
        metric: &str,
        cloud_name: &str,
        moments: &Moments,
        shrinkage: Shrinkage,
        least: f64,
    ) -> Result<Self, OtError> {
        let d = moments.d;
        let sigma = moments.covariance();
        let s = shrinkage.of(&sigma, moments);
        let own = moments.trace() / d as f64;
        let target = s * own.max(least);
        let entry = |i: usize, j: usize| (1.0 - s) * sigma[i * d + j] + if i == j { target } else { 0.0 };
        let covariance = Mat::from_fn(d, d, entry);
        let cholesky = Cholesky::new(covariance.as_ref()).ok_or_else(|| OtError::Numeric {
            metric: metric.to_owned(),
            message: format!(
                "the covariance of {cloud_name} ({} samples, {d} features, shrinkage {s}) is singular: give a larger shrinkage, or auto",
                moments.n
            ),
        })?;
        let log_det = cholesky.log_det();
        Ok(Self { covariance, log_det, cholesky, shrinkage: s, own_trace: own >= least })
    }

    /// S⁻¹.
    pub fn inverse(&self) -> Mat<f64> {
        self.cholesky.inverse()
    }

    /// ∂Σ from ∂S, s held constant.
    fn through_shrinkage(&self, to_covariance: &Mat<f64>) -> Mat<f64> {
        let d = to_covariance.nrows();
        let trace: f64 = (0..d).map(|k| to_covariance[(k, k)]).sum();
        let diagonal = if self.own_trace { self.shrinkage * trace / d as f64 } else { 0.0 };
        let entry =
            |i: usize, j: usize| (1.0 - self.shrinkage) * to_covariance[(i, j)] + if i == j { diagonal } else { 0.0 };
        Mat::from_fn(d, d, entry)
    }
}

/// What a formula says of two Gaussians: its value, and its derivative with respect to mean and covariance of the first.
pub(crate) struct Comparison {
    pub value: f64,
    /// ∂/∂μ_A, `[d]`, and ∂/∂S_A, symmetric `[d, d]`; empty where no gradient is wanted.
    pub slopes: Option<(Vec<f64>, Mat<f64>)>,
}

/// The pair that a formula sees.
pub(crate) struct Pair {
    pub a: Normal,
    pub b: Normal,
    /// μ_A − μ_B.
    pub delta: Vec<f64>,
    pub gradient: bool,
}

/// Fits both clouds, evaluates a formula and carries its derivative back to the features of A.
pub(crate) fn compare<T: Real>(
    metric: &str,
    a: &Cloud<T>,
    b: &Cloud<T>,
    shrinkage: Shrinkage,
    request: Request,
    formula: impl FnOnce(&Pair) -> Result<Comparison, OtError>,
) -> Result<Solution<T>, OtError> {
    equal_widths(metric, a, b)?;
    let (moments_a, moments_b) = (Moments::new(metric, a)?, Moments::new(metric, b)?);
    let delta = mean_difference(&moments_a.mean, &moments_b.mean);
    let scale = mean_variance(&moments_a, &moments_b, &delta);
    if scale == 0.0 {
        // Two equal constants.
        return Ok(Solution::closed(0.0).with_gradient(request.gradient.then(|| vec![T::zero(); a.features().len()])));
    }
    let least = LEAST * scale;
    let fit = |name, moments| Normal::fit(metric, name, moments, shrinkage, least);
    let (fit_a, fit_b) = rayon::join(|| fit("A", &moments_a), || fit("B", &moments_b));
    let pair = Pair { a: fit_a?, b: fit_b?, delta, gradient: request.gradient };
    let comparison = formula(&pair)?;
    let gradient = comparison.slopes.map(|(to_mean, to_covariance)| {
        let to_sigma = pair.a.through_shrinkage(&to_covariance);
        let mut to_rows = product(moments_a.matrix(), to_sigma.as_ref());
        to_rows.iter_mut().for_each(|g| *g *= 2.0);
        moments_a.gradient(&to_mean, &to_rows)
    });
    let mut solution = Solution::closed(comparison.value).with_gradient(gradient);
    solution.diagnostics = vec![("shrinkage_a", pair.a.shrinkage), ("shrinkage_b", pair.b.shrinkage)];
    Ok(solution)
}

/// Below this share of the mean variance of both clouds a variance counts as none.
pub(crate) const LEAST: f64 = 1e-6;

/// The mean variance of a feature over both clouds; of two constants, their mean squared difference.
pub(crate) fn mean_variance(a: &Moments, b: &Moments, delta: &[f64]) -> f64 {
    let own = 0.5 * (a.trace() + b.trace()) / a.d as f64;
    if own > 0.0 { own } else { norm_squared(delta) / a.d as f64 }
}

/// Σ x_ij y_ij of symmetric matrices, tr(X Y).
pub(crate) fn trace_of_product(x: &Mat<f64>, y: &Mat<f64>) -> f64 {
    x.col_iter().zip(y.col_iter()).map(|(x, y)| x.iter().zip(y.iter()).map(|(x, y)| x * y).sum::<f64>()).sum()
}

/// X v.
pub(crate) fn apply(x: &Mat<f64>, v: &[f64]) -> Vec<f64> {
    product(x.as_ref(), view(v, v.len(), 1))
}

/// X Y.
pub(crate) fn times(x: &Mat<f64>, y: &Mat<f64>) -> Mat<f64> {
    let product = product(x.as_ref(), y.as_ref());
    view(&product, x.nrows(), y.ncols()).to_owned()
}

/// X + scale · v vᵀ.
pub(crate) fn plus_outer(x: &Mat<f64>, scale: f64, v: &[f64]) -> Mat<f64> {
    Mat::from_fn(x.nrows(), x.ncols(), |i, j| x[(i, j)] + scale * v[i] * v[j])
}
