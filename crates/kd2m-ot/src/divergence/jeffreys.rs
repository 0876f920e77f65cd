//! Jeffreys divergence KL(A‖B) + KL(B‖A) of the Gaussians fitted to the two clouds: the symmetric KL, whose determinants cancel.
//! J = ½ (tr S_B⁻¹ S_A + tr S_A⁻¹ S_B − 2d + δᵀ (S_A⁻¹ + S_B⁻¹) δ). Next: [`super::gaussian_kl`], [`crate::gaussian`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
    gaussian_kl::{half_difference, sandwich},
};
use crate::{
    cloud::Cloud,
    error::OtError,
    gaussian::{Comparison, Pair, Slopes, compare},
    matrix::{dot, norm_squared},
    parameters::parameters,
    precision::{Estimate, Estimated, evaluate, non_negative},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "jeffreys",
    aliases: &[],
    formula: "KL(A‖B) + KL(B‖A) of the fitted Gaussians, shrunk covariances",
    source: "Jeffreys (1946); shrinkage OAS, Chen et al. (2010)",
    cost: "as gaussian-kl, about twice",
    when: "KL without choosing a direction: penalises both missing and surplus spread",
    traits: Traits::PLAIN,
    options: Jeffreys::OPTIONS,
    build: build::<Jeffreys>,
};

pub use crate::gaussian::Shrinkage;

parameters! {
    /// Symmetric KL of the fitted Gaussians.
    #[derive(Copy)]
    pub struct Jeffreys for ENTRY {
        shrinkage: Shrinkage,
    }
}

impl<T: Real> Divergence<T> for Jeffreys {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for Jeffreys {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        compare(ENTRY.name, a, b, self.shrinkage, request, |pair| Ok(formula(pair)))
    }
}

/// ∂S_A = ½ (S_B⁻¹ − S_A⁻¹ (S_B + δδᵀ) S_A⁻¹), ∂μ_A = (S_A⁻¹ + S_B⁻¹) δ.
fn formula(pair: &Pair) -> Comparison {
    let (a, b) = (&pair.a.covariance, &pair.b.covariance);
    let (a_in_b, b_in_a) = rayon::join(|| b.solve(a.rows()), || a.solve(b.rows()));
    let (pull_a, pull_b) = (a.solve(&pair.delta), b.solve(&pair.delta));
    let mean: Vec<f64> = pull_a.iter().zip(&pull_b).map(|(p, q)| p + q).collect();
    let traces =
        a.level() * b.inverse_trace() + dot(a.rows(), &a_in_b) + b.level() * a.inverse_trace() + dot(b.rows(), &b_in_a);
    let quadratic = dot(&mean, &pair.delta);
    let value = 0.5 * (traces - 2.0 * pair.delta.len() as f64 + quadratic);
    let error = pair.unit * (a.growth() + b.growth()) * (1.0 + traces + quadratic)
        + norm_squared(&mean).sqrt() * pair.delta_error;
    let slopes = pair.gradient.then(|| {
        let (rows, trace) = sandwich(a, b, &a.solve(a.rows()), &pair.delta);
        let trace = 0.5 * (b.inverse_trace() - trace - norm_squared(&b_in_a) - norm_squared(&pull_a));
        Slopes { mean, rows: half_difference(a_in_b, &rows), trace }
    });
    Comparison { value: non_negative(value), error, slopes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{divergence::registry, error::Side, options::Options, testing};

    #[test]
    fn is_the_sum_of_both_directions() {
        let (n, m, d) = (9, 7, 5);
        let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        let value =
            |options: Options| registry::build(&options).unwrap().evaluate(&a, &b, Request::VALUE).unwrap().value;
        let sum = value(Options::new("gaussian-kl")) + value(Options::new("gaussian-kl").set("direction", "b-a"));
        assert!((value(Options::new("jeffreys")) - sum).abs() < 1e-10 * sum);
    }

    #[test]
    fn gradient_matches_finite_differences() {
        for (n, m, d) in [(12, 10, 3), (4, 5, 6)] {
            let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
            testing::check_gradient(&Jeffreys { shrinkage: Shrinkage::Fixed(0.3) }, &x, n, &y, m, d, 1e-6);
        }
    }
}
