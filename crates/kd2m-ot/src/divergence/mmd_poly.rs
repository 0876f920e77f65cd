//! MMD² with the polynomial kernel (xᵀy/d + 1)^degree: matches moments up to the degree, with nothing to tune.
//! The kernel of KID (Bińkowski et al. 2018). Next: [`super::kid`], [`crate::pairwise`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    pairwise::{kernel::Polynomial, pair_sum, points::Points, rounding},
    parameters::{domain::Domain, parameters},
    precision::{Estimate, Estimated, evaluate},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "mmd-poly",
    aliases: &[],
    formula: "Σ a_i a_j k(x_i, x_j) − 2 Σ a_i b_j k(x_i, y_j) + Σ b_i b_j k(y_i, y_j), k = (xᵀy/d + 1)^degree",
    source: "Bińkowski et al., Demystifying MMD GANs (2018)",
    cost: "O((n + m)² d) time, O((n + m) d) memory",
    when: "mean, covariance and skewness without a bandwidth; depends on the features' origin and scale",
    traits: Traits::SQUARED,
    options: MmdPoly::OPTIONS,
    build: build::<MmdPoly>,
};

pub use crate::pairwise::Estimator;

const DEGREES: Domain<u32> = Domain::new("a whole number from 1 to 16", |degree| (1..=16).contains(degree));

parameters! {
    /// MMD² with a polynomial kernel.
    #[derive(Copy)]
    pub struct MmdPoly for ENTRY {
        estimator: Estimator,
        /// degree of the polynomial: the highest moment that is matched
        degree: u32 = 3 in DEGREES,
    }
}

impl<T: Real> Divergence<T> for MmdPoly {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for MmdPoly {
    fn vanishes_on_equals(&self) -> bool {
        self.estimator == Estimator::V
    }

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let factors = self.estimator.factors(ENTRY.name, a, b)?;
        let (points_a, points_b) = (Points::plain(a), Points::plain(b));
        let kernel = Polynomial { d: a.width(), degree: self.degree };
        let sum = pair_sum(&points_a, &points_b, &kernel, factors, None, request)?;
        let error = rounding::of(&points_a, &points_b, &kernel, factors, sum.value);
        let value = self.estimator.clamp(sum.value);
        let solution = Solution::closed(value).with_gradient(sum.gradient.map(|g| points_a.scatter(g)));
        let gradient_error = rounding::of_gradient(&points_a, &points_b, &kernel, factors);
        Ok(Estimate::new(solution, error).with_gradient_error(gradient_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{divergence::mmd_linear::MmdLinear, error::Side, matrix::dot, testing};

    fn with(estimator: Estimator, degree: u32) -> MmdPoly {
        MmdPoly { estimator, degree }
    }

    #[test]
    fn both_estimators_against_plain_loops() {
        let (n, m, d) = (7, 5, 3);
        let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
        let k = |u: &[f64], v: &[f64]| (dot(u, v) / d as f64 + 1.0).powi(3);
        let mean = |u: &[f64], v: &[f64], skip: bool| {
            let pairs =
                u.chunks(d).enumerate().flat_map(|(i, p)| v.chunks(d).enumerate().map(move |(j, q)| (i, j, p, q)));
            let kept: Vec<f64> = pairs.filter(|(i, j, ..)| !(skip && i == j)).map(|(.., p, q)| k(p, q)).collect();
            kept.iter().sum::<f64>() / kept.len() as f64
        };
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        for (estimator, skip) in [(Estimator::V, false), (Estimator::U, true)] {
            let expected = mean(&x, &x, skip) + mean(&y, &y, skip) - 2.0 * mean(&x, &y, false);
            let found = with(estimator, 3).evaluate(&a, &b, Request::VALUE).unwrap().value;
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (x, y) = (testing::normal(1, 8 * 3), testing::normal(2, 6 * 3));
        let (a, b) = ([1.0, 2.0, 0.0, 1.0, 0.5, 3.0, 1.0, 1.0], [1.0, 1.0, 2.0, 0.0, 1.0, 1.0]);
        for estimator in [Estimator::V, Estimator::U] {
            for degree in [1, 2, 3] {
                testing::check_weighted_gradient(&with(estimator, degree), &x, &a, &y, &b, 3, 1e-7);
            }
        }
    }

    #[test]
    fn degree_one_is_the_linear_kernel_over_d() {
        let (x, y) = (testing::normal(1, 8 * 4), testing::normal(2, 6 * 4));
        let (a, b) = (Cloud::new(Side::A, &x, 8, 4).unwrap(), Cloud::new(Side::B, &y, 6, 4).unwrap());
        for estimator in [Estimator::V, Estimator::U] {
            let linear = MmdLinear::default().estimator(estimator);
            let expected = linear.evaluate(&a, &b, Request::VALUE).unwrap().value / 4.0;
            let found = with(estimator, 1).evaluate(&a, &b, Request::VALUE).unwrap().value;
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
