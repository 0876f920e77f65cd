//! Gaussians fitted to two clouds, with covariances shrunk towards a multiple of the identity so that they can be inverted.
//! S = (1 − s) Σ + s tr(Σ)/d · I; s by OAS (Chen et al. 2010, in the form of scikit-learn) or given, constant for the gradient.
//! Next: [`covariance`], how S is held; [`crate::divergence::gaussian_kl`], the first of the formulas that use it.

pub(crate) mod covariance;

use covariance::{Covariance, squares};

use crate::{
    cloud::{Cloud, equal_widths},
    divergence::Request,
    error::OtError,
    matrix::norm_squared,
    moments::Moments,
    parameters::domain::{Choice, Domain, SHARE, Value},
    precision::Estimate,
    real::Real,
    solution::Solution,
};

/// How much a covariance is shrunk.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Shrinkage {
    /// Oracle approximating shrinkage: least expected squared error for Gaussian samples.
    #[default]
    Oas,
    /// A given share of the identity, from 0 to 1.
    Fixed(f64),
}

impl From<f64> for Shrinkage {
    fn from(share: f64) -> Self {
        Self::Fixed(share)
    }
}

impl Value for Shrinkage {
    fn read(text: &str) -> Option<Self> {
        if text == Self::Oas.word() { Some(Self::Oas) } else { f64::read(text).map(Self::Fixed) }
    }

    fn write(&self) -> String {
        match self {
            Self::Fixed(share) => share.write(),
            word => word.word().to_owned(),
        }
    }
}

impl Choice for Shrinkage {
    const DOMAIN: Domain<Self> = Domain::new("auto or a number from 0 to 1", |shrinkage| match shrinkage {
        Self::Oas => true,
        Self::Fixed(share) => SHARE.has(share),
    });
    const HELP: &'static str = "share s of tr(Σ)/d · I in the covariance (1 − s) Σ + s tr(Σ)/d · I: auto (OAS) or a number from 0 to 1; with n ≤ d a small fixed s measures mostly noise; held constant for the gradient";
}

impl Shrinkage {
    /// What is chosen where nothing is said.
    pub const DEFAULT: Self = Self::Oas;

    /// The word of its text form, where it is no number.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Oas => "auto",
            Self::Fixed(_) => "a number",
        }
    }

    /// s for the covariance of n samples; under weights n is 1 / Σ a².
    fn of(self, moments: &Moments) -> f64 {
        let Shrinkage::Fixed(s) = self else {
            let (d, n) = (moments.d as f64, 1.0 / norm_squared(&moments.weights));
            let (trace, squares) = (moments.trace(), squares(moments.matrix()));
            let denominator = (n + 1.0) * (squares - trace * trace / d);
            return if denominator > 0.0 { ((squares + trace * trace) / denominator).min(1.0) } else { 1.0 };
        };
        s
    }
}

/// The shrunk covariance of a fitted Gaussian: S = v I + Zᵀ Z with Z = √(1 − s) R, R the moments' rows.
pub(crate) struct Normal {
    pub covariance: Covariance,
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
        let s = shrinkage.of(moments);
        let own = moments.trace() / moments.d as f64;
        let root = (1.0 - s).sqrt();
        let rows = moments.rows.iter().map(|r| root * r).collect();
        let covariance = Covariance::new(s * own.max(least), rows, moments.d).ok_or_else(|| OtError::Numeric {
            metric: metric.to_owned(),
            message: format!(
                "the covariance of {cloud_name} ({} samples, {} features, shrinkage {s}) is singular: give a larger shrinkage, or auto",
                moments.n, moments.d
            ),
        })?;
        Ok(Self { covariance, shrinkage: s, own_trace: own >= least })
    }

    /// ∂R from Z ∂S and tr ∂S, s held constant: 2 √(1 − s) Z ∂S + 2 (s/d) tr ∂S · R.
    fn to_rows(&self, moments: &Moments, slopes: &Slopes) -> Vec<f64> {
        let direct = 2.0 * (1.0 - self.shrinkage).sqrt();
        let by_trace = if self.own_trace { 2.0 * self.shrinkage * slopes.trace / moments.d as f64 } else { 0.0 };
        slopes.rows.iter().zip(&moments.rows).map(|(z, r)| direct * z + by_trace * r).collect()
    }
}

/// The derivative of a formula with respect to mean and covariance of A.
pub(crate) struct Slopes {
    /// ∂/∂μ_A, `[d]`.
    pub mean: Vec<f64>,
    /// Z_A ∂/∂S_A, `[n, d]`.
    pub rows: Vec<f64>,
    /// tr ∂/∂S_A.
    pub trace: f64,
}

/// What a formula says of two Gaussians: its value, and its derivative where a gradient is wanted.
pub(crate) struct Comparison {
    pub value: f64,
    /// How far the value may be off.
    pub error: f64,
    pub slopes: Option<Slopes>,
}

/// The pair that a formula sees.
pub(crate) struct Pair {
    pub a: Normal,
    pub b: Normal,
    /// μ_A − μ_B.
    pub delta: Vec<f64>,
    /// How far it may be off in norm.
    pub delta_error: f64,
    /// ε times what the sums over samples lose.
    pub unit: f64,
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
) -> Result<Estimate<T>, OtError> {
    equal_widths(metric, a, b)?;
    let (moments_a, moments_b) = (Moments::new(metric, a)?, Moments::new(metric, b)?);
    let (delta, delta_error) = moments_a.difference(&moments_b);
    let scale = mean_variance(&moments_a, &moments_b, &delta);
    if scale == 0.0 {
        // Two equal constants.
        return Ok(Estimate::of_coincident(a, b, request.gradient));
    }
    let least = LEAST * scale;
    let fit = |name, moments| Normal::fit(metric, name, moments, shrinkage, least);
    let (fit_a, fit_b) = rayon::join(|| fit("A", &moments_a), || fit("B", &moments_b));
    let unit = moments_a.unit().max(moments_b.unit());
    let pair = Pair { a: fit_a?, b: fit_b?, delta, delta_error, unit, gradient: request.gradient };
    let comparison = formula(&pair)?;
    let gradient =
        comparison.slopes.map(|slopes| moments_a.gradient(&slopes.mean, &pair.a.to_rows(&moments_a, &slopes)));
    let mut solution = Solution::closed(comparison.value).with_gradient(gradient);
    solution.diagnostics = vec![("shrinkage_a", pair.a.shrinkage), ("shrinkage_b", pair.b.shrinkage)];
    Ok(Estimate::new(solution, comparison.error))
}

/// Below this share of the mean variance of both clouds a variance counts as none.
pub(crate) const LEAST: f64 = 1e-6;

/// The mean variance of a feature over both clouds; of two constants, their mean squared difference.
pub(crate) fn mean_variance(a: &Moments, b: &Moments, delta: &[f64]) -> f64 {
    let own = 0.5 * (a.trace() + b.trace()) / a.d as f64;
    if own > 0.0 { own } else { norm_squared(delta) / a.d as f64 }
}
