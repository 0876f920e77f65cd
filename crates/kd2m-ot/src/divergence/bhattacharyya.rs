//! Bhattacharyya distance −ln ∫√(pq) of the Gaussians fitted to the two clouds:
//! ⅛ δᵀ S⁻¹ δ + ½ ln (det S / √(det S_A det S_B)) with S = ½ (S_A + S_B).
//! Next: [`super::hellinger`], which is 1 − exp(−this); [`crate::gaussian`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::Cloud,
    error::OtError,
    gaussian::{Comparison, Pair, Slopes, compare, covariance::Covariance},
    matrix::{dot, norm_squared},
    parameters::parameters,
    precision::{Estimate, Estimated, evaluate, non_negative},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "bhattacharyya",
    aliases: &[],
    formula: "⅛ δᵀ S⁻¹ δ + ½ ln (det S / √(det S_A det S_B)), S = ½ (S_A + S_B), shrunk covariances",
    source: "Bhattacharyya (1943); shrinkage OAS, Chen et al. (2010)",
    cost: "O((n + m) d² + d³) time, O(d²) memory; where n + m < d O((n + m)² d) and O((n + m) d)",
    when: "symmetric and scale-free, milder than KL where the spreads differ much",
    traits: Traits::PLAIN,
    options: Bhattacharyya::OPTIONS,
    build: build::<Bhattacharyya>,
};

pub use crate::gaussian::Shrinkage;

parameters! {
    /// Bhattacharyya distance of the fitted Gaussians.
    #[derive(Copy)]
    pub struct Bhattacharyya for ENTRY {
        shrinkage: Shrinkage,
    }
}

impl<T: Real> Divergence<T> for Bhattacharyya {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for Bhattacharyya {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        compare(ENTRY.name, a, b, self.shrinkage, request, |pair| distance(ENTRY.name, pair))
    }
}

/// ∂S_A = ¼ (S⁻¹ − S_A⁻¹) − (S⁻¹δ)(S⁻¹δ)ᵀ/16, ∂μ_A = ¼ S⁻¹ δ.
///
/// # Errors
/// A mean covariance that is singular, which two regular ones do not give.
pub(super) fn distance(metric: &str, pair: &Pair) -> Result<Comparison, OtError> {
    let (a, b) = (&pair.a.covariance, &pair.b.covariance);
    let between = Covariance::mean(a, b).ok_or_else(|| OtError::Numeric {
        metric: metric.to_owned(),
        message: "the mean of the covariances is singular: give a larger shrinkage".to_owned(),
    })?;
    let pull = between.solve(&pair.delta);
    let quadratic = dot(&pull, &pair.delta) / 8.0;
    let value = quadratic + 0.5 * (between.log_det - 0.5 * (a.log_det + b.log_det));
    let logarithms = between.log_det.abs() + a.log_det.abs() + b.log_det.abs() + a.growth() + b.growth();
    let error = pair.unit * (between.growth() * (1.0 + quadratic) + logarithms)
        + 0.25 * norm_squared(&pull).sqrt() * pair.delta_error;
    let slopes = pair.gradient.then(|| {
        let (mut rows, own) = rayon::join(|| between.solve(a.rows()), || a.solve(a.rows()));
        let d = pull.len();
        for ((row, own), z) in rows.chunks_exact_mut(d).zip(own.chunks_exact(d)).zip(a.rows().chunks_exact(d)) {
            let onto = dot(z, &pull) / 16.0;
            row.iter_mut().zip(own).zip(&pull).for_each(|((r, o), p)| *r = 0.25 * (*r - o) - onto * p);
        }
        let trace = 0.25 * (between.inverse_trace() - a.inverse_trace()) - norm_squared(&pull) / 16.0;
        Slopes { mean: pull.iter().map(|p| 0.25 * p).collect(), rows, trace }
    });
    Ok(Comparison { value: non_negative(value), error, slopes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    #[test]
    fn in_one_dimension() {
        let (x, y) = ([1.0f64, 3.0], [0.0f64, 8.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        // N(2, 1) and N(4, 16).
        let expected = 4.0 / (4.0 * 17.0) + 0.5 * (17.0f64 / 8.0).ln();
        let found = Bhattacharyya { shrinkage: Shrinkage::Oas }.evaluate(&a, &b, Request::VALUE).unwrap();
        assert!((found.value - expected).abs() < 1e-12);
    }

    #[test]
    fn gradient_matches_finite_differences() {
        for (n, m, d) in [(12, 10, 3), (4, 5, 6)] {
            let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
            testing::check_gradient(&Bhattacharyya { shrinkage: Shrinkage::Fixed(0.3) }, &x, n, &y, m, d, 1e-6);
        }
    }
}
