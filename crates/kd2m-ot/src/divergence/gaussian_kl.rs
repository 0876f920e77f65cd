//! Kullback–Leibler divergence of the Gaussians fitted to the two clouds, full covariances:
//! KL(A‖B) = ½ (tr S_B⁻¹ S_A + δᵀ S_B⁻¹ δ − d + ln det S_B − ln det S_A), shrunk so that it is finite for n ≤ d.
//! Next: [`super::gaussian_kl_diag`] (the paper's), [`super::jeffreys`] (both directions), [`crate::gaussian`] (the fit).

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::Cloud,
    error::OtError,
    gaussian::{Comparison, Pair, Slopes, compare, covariance::Covariance},
    matrix::{dot, norm_squared},
    parameters::{parameters, words},
    precision::{Estimate, Estimated, evaluate, non_negative},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "gaussian-kl",
    aliases: &[],
    formula: "½ (tr S_B⁻¹ S_A + δᵀ S_B⁻¹ δ − d + ln det S_B − ln det S_A), δ = μ_A − μ_B, shrunk covariances",
    source: "Kullback (1959); shrinkage OAS, Chen et al. (2010)",
    cost: "O((n + m) d² + d³) time, O(d²) memory; where n, m < d O((n + m)² d) and O((n + m) d)",
    when: "likelihood view: differences count relative to the spread of B, correlations included; scale-free",
    traits: Traits::PLAIN,
    options: GaussianKl::OPTIONS,
    build: build::<GaussianKl>,
};

pub use crate::gaussian::Shrinkage;

words! {
    /// Which cloud the expectation is taken over.
    pub enum Direction {
        /// KL(A‖B), A avoids where B has no mass
        AToB = "a-b",
        /// KL(B‖A), A covers all of B
        BToA = "b-a",
    }
}

parameters! {
    /// KL of the fitted Gaussians.
    #[derive(Copy)]
    pub struct GaussianKl for ENTRY {
        shrinkage: Shrinkage,
        direction: Direction,
    }
}

impl<T: Real> Divergence<T> for GaussianKl {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for GaussianKl {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        compare(ENTRY.name, a, b, self.shrinkage, request, |pair| {
            Ok(match self.direction {
                Direction::AToB => from_a(pair),
                Direction::BToA => from_b(pair),
            })
        })
    }
}

/// KL(A‖B); ∂S_A = ½ (S_B⁻¹ − S_A⁻¹), ∂μ_A = S_B⁻¹ δ.
fn from_a(pair: &Pair) -> Comparison {
    let (a, b) = (&pair.a.covariance, &pair.b.covariance);
    let (mean, pulled) = rayon::join(|| b.solve(&pair.delta), || b.solve(a.rows()));
    let trace = a.level() * b.inverse_trace() + dot(a.rows(), &pulled);
    let quadratic = dot(&mean, &pair.delta);
    let value = trace + quadratic - pair.delta.len() as f64 + b.log_det - a.log_det;
    let error = error_of_kl(pair, (a, b), trace + quadratic, &mean);
    let slopes = pair.gradient.then(|| Slopes {
        mean,
        rows: half_difference(pulled, &a.solve(a.rows())),
        trace: 0.5 * (b.inverse_trace() - a.inverse_trace()),
    });
    Comparison { value: non_negative(0.5 * value), error, slopes }
}

/// KL(B‖A); ∂S_A = ½ (S_A⁻¹ − S_A⁻¹ (S_B + δδᵀ) S_A⁻¹), ∂μ_A = S_A⁻¹ δ.
fn from_b(pair: &Pair) -> Comparison {
    let (a, b) = (&pair.a.covariance, &pair.b.covariance);
    let (mean, pulled) = rayon::join(|| a.solve(&pair.delta), || a.solve(b.rows()));
    let trace = b.level() * a.inverse_trace() + dot(b.rows(), &pulled);
    let quadratic = dot(&mean, &pair.delta);
    let value = trace + quadratic - pair.delta.len() as f64 + a.log_det - b.log_det;
    let error = error_of_kl(pair, (b, a), trace + quadratic, &mean);
    let slopes = pair.gradient.then(|| {
        let own = a.solve(a.rows());
        let (rows, trace) = sandwich(a, b, &own, &pair.delta);
        let trace = 0.5 * (a.inverse_trace() - trace - norm_squared(&pulled) - norm_squared(&mean));
        Slopes { mean, rows: half_difference(own, &rows), trace }
    });
    Comparison { value: non_negative(0.5 * value), error, slopes }
}

/// How far KL(P‖Q) may be off, where `terms` is tr S_Q⁻¹ S_P + δᵀ S_Q⁻¹ δ and `pull` S_Q⁻¹ δ.
fn error_of_kl(pair: &Pair, (p, q): (&Covariance, &Covariance), terms: f64, pull: &[f64]) -> f64 {
    let logarithms = p.log_det.abs() + q.log_det.abs() + p.growth();
    pair.unit * (q.growth() * (1.0 + terms) + logarithms) + norm_squared(pull).sqrt() * pair.delta_error
}

/// Of S_A⁻¹ (S_B + δδᵀ) S_A⁻¹: its product with Z_A, from `own` = Z_A S_A⁻¹, and v_B tr S_A⁻², the part of its trace that
/// neither Z_B nor δ gives.
pub(super) fn sandwich(a: &Covariance, b: &Covariance, own: &[f64], delta: &[f64]) -> (Vec<f64>, f64) {
    let mut spread = b.apply(own);
    for (row, own) in spread.chunks_exact_mut(delta.len()).zip(own.chunks_exact(delta.len())) {
        let onto = dot(own, delta);
        row.iter_mut().zip(delta).for_each(|(r, x)| *r += onto * x);
    }
    (a.solve(&spread), b.level() * a.inverse_square_trace())
}

/// ½ (x − y).
pub(super) fn half_difference(x: Vec<f64>, y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| 0.5 * (x - y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    fn divergence(shrinkage: Shrinkage, direction: Direction) -> GaussianKl {
        GaussianKl { shrinkage, direction }
    }

    #[test]
    fn in_one_dimension() {
        let (x, y) = ([1.0f64, 3.0], [0.0f64, 8.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        // N(2, 1) and N(4, 16): shrinkage does nothing to a single feature.
        let kl = |va: f64, vb: f64| 0.5 * (va / vb + 4.0 / vb - 1.0 + (vb / va).ln());
        for (direction, expected) in [(Direction::AToB, kl(1.0, 16.0)), (Direction::BToA, kl(16.0, 1.0))] {
            let found = divergence(Shrinkage::Oas, direction).evaluate(&a, &b, Request::VALUE).unwrap().value;
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        for (n, m, d) in [(12, 10, 3), (4, 5, 6)] {
            let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
            for direction in [Direction::AToB, Direction::BToA] {
                testing::check_gradient(&divergence(Shrinkage::Fixed(0.3), direction), &x, n, &y, m, d, 1e-6);
            }
        }
        let (x, y) = (testing::normal(1, 5 * 2), testing::normal(2, 4 * 2));
        let (a, b) = ([1.0, 0.0, 2.0, 1.0, 3.0], [1.0, 2.0, 1.0, 1.0]);
        testing::check_weighted_gradient(&divergence(Shrinkage::Fixed(0.1), Direction::AToB), &x, &a, &y, &b, 2, 1e-6);
    }

    #[test]
    fn is_invariant_under_one_affine_map_of_both_clouds() {
        let (n, d) = (30, 2);
        let (x, y) = (testing::normal(1, n * d), testing::normal(2, n * d));
        let map = |z: &[f64]| -> Vec<f64> { z.chunks(2).flat_map(|r| [2.0 * r[0] + 5.0, r[0] - 0.5 * r[1]]).collect() };
        let value = |x: &[f64], y: &[f64]| {
            let (a, b) = (Cloud::new(Side::A, x, n, d).unwrap(), Cloud::new(Side::B, y, n, d).unwrap());
            divergence(Shrinkage::Fixed(0.0), Direction::AToB).evaluate(&a, &b, Request::VALUE).unwrap().value
        };
        assert!((value(&x, &y) - value(&map(&x), &map(&y))).abs() < 1e-10);
    }

    #[test]
    fn a_singular_covariance_is_refused_and_dead_units_are_finite() {
        let d = 6;
        let x = testing::normal(1, 4 * d);
        let dead: Vec<f64> = x.iter().enumerate().map(|(k, x)| if k % d < 3 { 0.0 } else { *x }).collect();
        let constant = vec![0.7; 4 * d];
        let cloud = |z| Cloud::new(Side::A, z, 4, d).unwrap();
        let none = divergence(Shrinkage::Fixed(0.0), Direction::AToB);
        assert!(matches!(none.evaluate(&cloud(&x), &cloud(&x), Request::VALUE), Err(OtError::Numeric { .. })));
        for direction in [Direction::AToB, Direction::BToA] {
            for (x, y) in [(&x, &dead), (&dead, &x), (&constant, &x), (&x, &constant), (&constant, &constant)] {
                let kl = divergence(Shrinkage::Oas, direction);
                let found = kl.evaluate(&cloud(x), &cloud(y), Request::GRADIENT).unwrap();
                assert!(found.value.is_finite() && found.gradient.unwrap().features.iter().all(|g| g.is_finite()));
            }
        }
    }
}
