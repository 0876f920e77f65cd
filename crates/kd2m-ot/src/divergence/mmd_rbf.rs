//! MMD² with the Gaussian kernel exp(−‖x − y‖²/2σ²): zero only when the distributions are the same, to any order of moments.
//! Gretton et al. (2012), equations 3 (unbiased) and 5 (biased); σ by the median heuristic. Next: [`crate::pairwise`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    pairwise::{distances::Distances, kernel::Gaussian, pair_sum, points::Points, rounding, sets::Pairs},
    parameters::parameters,
    precision::{
        Estimate, Estimated, evaluate,
        sets::{EstimatedOfSets, evaluate_sets},
    },
    real::Real,
    sets::{Over, Set, moments::effective_rest, tiles::Reader},
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "mmd-rbf",
    aliases: &["mmd-g"],
    formula: "Σ a_i a_j k(x_i, x_j) − 2 Σ a_i b_j k(x_i, y_j) + Σ b_i b_j k(y_i, y_j), k = exp(−‖·‖²/2σ²)",
    source: "Gretton et al., A kernel two-sample test (2012)",
    cost: "O((n + m)² d) time, O((n + m) d) memory",
    when: "differentiable everywhere and bounded, so outliers do not dominate; its signal fades when the clouds are many σ apart",
    traits: Traits { sets: true, ..Traits::SQUARED },
    options: MmdRbf::OPTIONS,
    build: build::<MmdRbf>,
};

pub use crate::pairwise::{Estimator, bandwidth::Bandwidth};

parameters! {
    /// MMD² with one Gaussian kernel, or the mean of several.
    #[derive(Copy)]
    pub struct MmdRbf for ENTRY {
        estimator: Estimator,
        bandwidth: Bandwidth,
    }
}

impl<T: Real> Divergence<T> for MmdRbf {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }

    fn evaluate_sets(
        &self,
        a: &Set<T>,
        b: &Set<T>,
        request: Request,
        over: Over,
    ) -> Option<Result<Solution<T>, OtError>> {
        Some(evaluate_sets(self, a, b, request, over))
    }
}

impl<T: Real> EstimatedOfSets<T> for MmdRbf {
    fn estimate_sets(&self, a: &Reader<T>, b: &Reader<T>, _: Request, over: Over) -> Result<Estimate<T>, OtError> {
        let rests = || Ok((effective_rest(ENTRY.name, a)?, effective_rest(ENTRY.name, b)?));
        let factors = self.estimator.factors_with(rests)?;
        let pairs = Pairs::new(over.ranks, a, b)?;
        self.bandwidth.check_extent(ENTRY.name, pairs.norms.iter().sum::<f64>().sqrt())?;
        let Some(sigma) = pairs.sigma(self.bandwidth)? else {
            // All points coincide; in single precision their squared differences may have vanished.
            let error = if T::singles(&[]).is_some() { f64::INFINITY } else { 0.0 };
            return Ok(Estimate::new(Solution::closed(0.0), error));
        };
        let kernel = Gaussian { gammas: self.bandwidth.widths(sigma).iter().map(|s| 0.5 / (s * s)).collect() };
        let value = pairs.sum(&kernel, factors)?;
        let error = kernel.bound_of_norms::<T>(pairs.norms, a.width(), factors);
        let mut solution = Solution::closed(self.estimator.clamp(value));
        solution.diagnostics.push(("bandwidth", sigma));
        Ok(Estimate::new(solution, error))
    }
}

impl<T: Real> Estimated<T> for MmdRbf {
    fn vanishes_on_equals(&self) -> bool {
        self.estimator == Estimator::V
    }

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let factors = self.estimator.factors(ENTRY.name, a, b)?;
        let (points_a, points_b) = Points::centred(a, b);
        self.bandwidth.check(ENTRY.name, &points_a, &points_b)?;
        let keep = self.bandwidth.reads_distances();
        let stored = if keep { Distances::of(&points_a, &points_b, request.gradient, request.stop)? } else { None };
        let Some(sigma) = self.bandwidth.sigma(&points_a, &points_b, stored.as_ref(), request.stop)? else {
            // All points coincide: every kernel value is 1 and the three means cancel.
            return Ok(Estimate::of_coincident(a, b, request.gradient));
        };
        let gammas = self.bandwidth.widths(sigma).iter().map(|s| 0.5 / (s * s)).collect();
        let kernel = Gaussian { gammas };
        let sum = pair_sum(&points_a, &points_b, &kernel, factors, stored.as_ref(), request)?;
        let error = rounding::of(&points_a, &points_b, &kernel, factors, sum.value);
        let value = self.estimator.clamp(sum.value);
        let mut solution = Solution::closed(value).with_gradient(sum.gradient.map(|g| points_a.scatter(g)));
        solution.diagnostics.push(("bandwidth", sigma));
        let gradient_error = rounding::of_gradient(&points_a, &points_b, &kernel, factors);
        Ok(Estimate::new(solution, error).with_gradient_error(gradient_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    fn with(bandwidth: f64) -> MmdRbf {
        MmdRbf::default().bandwidth(bandwidth)
    }

    fn evaluate(divergence: MmdRbf, x: &[f64], y: &[f64], d: usize) -> f64 {
        let a = Cloud::new(Side::A, x, x.len() / d, d).unwrap();
        let b = Cloud::new(Side::B, y, y.len() / d, d).unwrap();
        divergence.evaluate(&a, &b, Request::VALUE).unwrap().value
    }

    #[test]
    fn two_diracs() {
        // MMD² = 2 − 2 exp(−25/2σ²)
        let value = evaluate(with(5.0), &[0.0, 0.0], &[3.0, 4.0], 2);
        assert!((value - (2.0 - 2.0 * (-0.5f64).exp())).abs() < 1e-14);
    }

    #[test]
    fn unbiased_estimator_against_plain_loops() {
        let (x, y) = (testing::normal(1, 7 * 3), testing::normal(2, 5 * 3));
        let k = |u: &[f64], v: &[f64]| (-crate::cost::squared_distance(u, v) / (2.0 * 1.7 * 1.7)).exp();
        let mean = |u: &[f64], v: &[f64], same: bool| {
            let (mut sum, mut count) = (0.0, 0.0);
            for (i, p) in u.chunks(3).enumerate() {
                for (_, q) in v.chunks(3).enumerate().filter(|(j, _)| !(same && i == *j)) {
                    sum += k(p, q);
                    count += 1.0;
                }
            }
            sum / count
        };
        let expected = mean(&x, &x, true) + mean(&y, &y, true) - 2.0 * mean(&x, &y, false);
        let found = evaluate(with(1.7).estimator(Estimator::U), &x, &y, 3);
        assert!((found - expected).abs() < 1e-12);
    }

    #[test]
    fn stored_distances_change_nothing() {
        for (n, m) in [(90, 110), (43, 198), (300, 150)] {
            let (x, y) = (testing::normal(1, n * 30), testing::normal(2, m * 30));
            let (a, b) = (Cloud::new(Side::A, &x, n, 30).unwrap(), Cloud::new(Side::B, &y, m, 30).unwrap());
            let median = MmdRbf::default().evaluate(&a, &b, Request::GRADIENT).unwrap();
            let value = MmdRbf::default().evaluate(&a, &b, Request::VALUE).unwrap().value;
            let fixed = with(median.diagnostics[0].1);
            let fixed = fixed.evaluate(&a, &b, Request::GRADIENT).unwrap();
            assert!((median.value - fixed.value).abs() < 1e-13 && (value - fixed.value).abs() < 1e-13);
            for (g, h) in median.gradient.unwrap().features.iter().zip(fixed.gradient.unwrap().features) {
                assert!((g - h).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (x, y) = (testing::normal(1, 8 * 3), testing::normal(2, 6 * 3));
        let (a, b) = ([1.0, 2.0, 0.0, 1.0, 0.5, 3.0, 1.0, 1.0], [1.0, 1.0, 2.0, 0.0, 1.0, 1.0]);
        for estimator in [Estimator::V, Estimator::U] {
            let divergence = with(1.3).estimator(estimator);
            testing::check_gradient(&divergence, &x, 8, &y, 6, 3, 1e-7);
            testing::check_weighted_gradient(&divergence, &x, &a, &y, &b, 3, 1e-7);
        }
        // The mixture's σ moves with A, so its gradient is checked on the kernels themselves.
        let (estimator, fixed) = (Estimator::V, [0.5, 1.0, 3.0]);
        let a = Cloud::new(Side::A, &x, 8, 3).unwrap();
        let b = Cloud::new(Side::B, &y, 6, 3).unwrap();
        let kernel = Gaussian { gammas: fixed.to_vec() };
        let factors = estimator.factors("mmd-rbf", &a, &b).unwrap();
        let (p, q) = Points::centred(&a, &b);
        let sum = |kernel: &Gaussian| pair_sum(&p, &q, kernel, factors, None, Request::GRADIENT).unwrap();
        let mixed = sum(&kernel);
        let single = fixed.map(|gamma| sum(&Gaussian { gammas: vec![gamma] }));
        assert!((mixed.value - single.iter().map(|s| s.value).sum::<f64>() / 3.0).abs() < 1e-13);
        for (k, g) in mixed.gradient.unwrap().iter().enumerate() {
            let mean = single.iter().map(|s| s.gradient.as_ref().unwrap()[k]).sum::<f64>() / 3.0;
            assert!((g - mean).abs() < 1e-13);
        }
    }

    #[test]
    fn tiles_and_threads_change_nothing() {
        // More rows and columns than a tile holds, with the second core; the plain double sum is the reference.
        let (n, m, d) = (300, 1100, 8);
        let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
        let mean = |u: &[f64], v: &[f64]| {
            let all = u.chunks(d).flat_map(|p| v.chunks(d).map(move |q| (p, q)));
            all.map(|(p, q)| (-crate::cost::squared_distance(p, q) / 32.0).exp()).sum::<f64>()
                / (u.len() / d * (v.len() / d)) as f64
        };
        let expected = mean(&x, &x) + mean(&y, &y) - 2.0 * mean(&x, &y);
        let found = evaluate(with(4.0), &x, &y, d);
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        let (x32, y32) = (testing::single(&x), testing::single(&y));
        let (a, b) = (Cloud::new(Side::A, &x32, n, d).unwrap(), Cloud::new(Side::B, &y32, m, d).unwrap());
        let solution = with(4.0).evaluate(&a, &b, Request::GRADIENT).unwrap();
        assert!((solution.value - expected).abs() < 1e-6 && solution.gradient.is_some());
    }
}
