//! W₂² between the Gaussians N(μ, diag σ²) fitted to the two clouds: ‖μ − μ'‖² + ‖σ − σ'‖², moments with 1/n.
//! The paper's W2 (G) as its code computes it; between `mmd-linear` and `gaussian-w2` in the chain. Next: [`super::gaussian_w2`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    matrix::norm_squared,
    moments::Moments,
    parameters::parameters,
    precision::{Estimate, Estimated, evaluate, of_square},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "gaussian-w2-diag",
    aliases: &["gw2-diag"],
    formula: "‖μ − μ'‖² + ‖σ − σ'‖², standard deviations per feature with 1/n",
    source: "Dowson and Landau (1982) for commuting covariances; KD²M, W2 (G)",
    cost: "O((n + m) d) time and memory",
    when: "batches too small for covariances: matches mean and spread of each feature, blind to correlations",
    traits: Traits::SQUARED,
    options: GaussianW2Diag::OPTIONS,
    build: build::<GaussianW2Diag>,
};

parameters! {
    /// W₂² of diagonal Gaussians.
    pub struct GaussianW2Diag for ENTRY;
}

impl<T: Real> Divergence<T> for GaussianW2Diag {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for GaussianW2Diag {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let (a, b) = (Moments::new(ENTRY.name, a)?, Moments::new(ENTRY.name, b)?);
        let deviations = |m: &Moments| m.variances().iter().map(|v| v.sqrt()).collect::<Vec<f64>>();
        let (sigma_a, sigma_b) = (deviations(&a), deviations(&b));
        let (delta, delta_error) = a.difference(&b);
        let spread: Vec<f64> = sigma_a.iter().zip(&sigma_b).map(|(s, t)| s - t).collect();
        let value = norm_squared(&delta) + norm_squared(&spread);
        let spread_error = a.unit() * a.trace().sqrt() + b.unit() * b.trace().sqrt();
        let error = of_square(value, delta_error + spread_error) + a.d as f64 * f64::MIN_POSITIVE;
        let gradient = request.gradient.then(|| {
            let to_mean: Vec<f64> = delta.iter().map(|x| 2.0 * x).collect();
            // ∂(σ − σ')²/∂r = 2 (1 − σ'/σ) r. At σ = 0 there is no direction to grow in: the kink's gradient is 0.
            let slope: Vec<f64> =
                sigma_a.iter().zip(&sigma_b).map(|(s, t)| if *s > 0.0 { 2.0 * (1.0 - t / s) } else { 0.0 }).collect();
            let to_rows: Vec<f64> =
                a.rows.chunks_exact(a.d).flat_map(|row| row.iter().zip(&slope).map(|(r, s)| s * r)).collect();
            a.gradient(&to_mean, &to_rows)
        });
        Ok(Estimate::new(Solution::closed(value).with_gradient(gradient), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    #[test]
    fn two_scaled_and_shifted_copies() {
        let x = testing::normal(3, 40 * 6);
        let y: Vec<f64> = x.iter().enumerate().map(|(k, x)| 2.0 * x + (k % 6) as f64).collect();
        let (a, b) = (Cloud::new(Side::A, &x, 40, 6).unwrap(), Cloud::new(Side::B, &y, 40, 6).unwrap());
        let m = Moments::new("test", &a).unwrap();
        // μ' = 2 μ + k and σ' = 2 σ, so the distance is Σ (μ_k + k)² + tr Σ.
        let expected = m
            .mean
            .shift
            .iter()
            .zip(&m.mean.origin)
            .map(|(s, o)| s + o)
            .enumerate()
            .map(|(k, mu)| (mu + k as f64).powi(2))
            .sum::<f64>()
            + m.trace();
        let found = GaussianW2Diag.evaluate(&a, &b, Request::VALUE).unwrap();
        assert!((found.value - expected).abs() < 1e-10);
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let (x, y) = (testing::normal(1, 9 * 5), testing::normal(2, 7 * 5));
        testing::check_gradient(&GaussianW2Diag, &x, 9, &y, 7, 5, 1e-7);
    }

    #[test]
    fn a_dead_unit_has_no_gradient_beyond_its_mean() {
        let x: Vec<f64> =
            testing::normal(4, 12).iter().enumerate().map(|(k, x)| if k % 2 == 0 { 0.3 } else { *x }).collect();
        let y = testing::normal(5, 12);
        let (a, b) = (Cloud::new(Side::A, &x, 6, 2).unwrap(), Cloud::new(Side::B, &y, 6, 2).unwrap());
        let gradient = GaussianW2Diag.evaluate(&a, &b, Request::GRADIENT).unwrap().gradient.unwrap().features;
        let shared = gradient[0];
        assert!(shared.is_finite() && gradient.iter().step_by(2).all(|g| *g == shared));
    }
}
