//! Energy distance 2E‖X−Y‖ − E‖X−X'‖ − E‖Y−Y'‖: an MMD whose kernel is the distance itself, with nothing to tune.
//! Székely and Rizzo (2013), V-statistic, no root. Next: [`crate::pairwise`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    pairwise::{Factors, kernel::Distance, pair_sum, points::Points, rounding},
    parameters::parameters,
    precision::{Estimate, Estimated, evaluate, non_negative},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "energy",
    aliases: &[],
    formula: "2 Σ a_i b_j ‖x_i − y_j‖ − Σ a_i a_j ‖x_i − x_j‖ − Σ b_i b_j ‖y_i − y_j‖",
    source: "Székely and Rizzo, Energy statistics (2013)",
    cost: "O((n + m)² d) time, O((n + m) d) memory",
    when: "a metric on distributions without a bandwidth, whose signal does not fade with distance; robust to outliers",
    traits: Traits::PLAIN,
    options: Energy::OPTIONS,
    build: build::<Energy>,
};

parameters! {
    /// Energy distance; the gradient of ‖x − y‖ at x = y is taken as 0.
    pub struct Energy for ENTRY;
}

const FACTORS: Factors = Factors { aa: -1.0, ab: 2.0, bb: -1.0, diagonal: true };

impl<T: Real> Divergence<T> for Energy {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for Energy {
    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let (points_a, points_b) = Points::centred(a, b);
        let sum = pair_sum(&points_a, &points_b, &Distance, FACTORS, None, request)?;
        // Squares below the least number vanish, and distances with them.
        let least = 4.0 * (a.width() as f64 * T::min_positive_value().wide()).sqrt();
        let error = rounding::of(&points_a, &points_b, &Distance, FACTORS, sum.value) + least;
        let gradient = sum.gradient.map(|g| points_a.scatter(g));
        let solution = Solution::closed(non_negative(sum.value)).with_gradient(gradient);
        let gradient_error = rounding::of_gradient(&points_a, &points_b, &Distance, FACTORS);
        Ok(Estimate::new(solution, error).with_gradient_error(gradient_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    #[test]
    fn in_one_dimension_it_is_twice_the_squared_distance_of_the_distribution_functions() {
        let (mut x, mut y) = (testing::normal(1, 9), testing::normal(2, 13));
        let (a, b) = (Cloud::new(Side::A, &x, 9, 1).unwrap(), Cloud::new(Side::B, &y, 13, 1).unwrap());
        let found = Energy.evaluate(&a, &b, Request::VALUE).unwrap().value;
        x.sort_by(f64::total_cmp);
        y.sort_by(f64::total_cmp);
        let mut all = [x.clone(), y.clone()].concat();
        all.sort_by(f64::total_cmp);
        let below = |z: &[f64], t: f64| z.iter().filter(|v| **v <= t).count() as f64 / z.len() as f64;
        let expected: f64 = all.windows(2).map(|w| (w[1] - w[0]) * (below(&x, w[0]) - below(&y, w[0])).powi(2)).sum();
        assert!((found - 2.0 * expected).abs() < 1e-12);
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let (x, y) = (testing::normal(1, 8 * 3), testing::normal(2, 6 * 3));
        testing::check_gradient(&Energy, &x, 8, &y, 6, 3, 1e-7);
        testing::check_weighted_gradient(
            &Energy,
            &x,
            &[1.0, 0.0, 2.0, 1.0, 1.0, 3.0, 0.5, 1.0],
            &y,
            &[2.0; 6],
            3,
            1e-7,
        );
    }

    #[test]
    fn coincident_points_give_no_gradient_and_near_ones_a_full_one() {
        // Far from the origin, with a gap that ‖x‖² + ‖y‖² − 2xᵀy cannot see in single precision.
        let (x, y) = ([1000.0f32, 1000.0, -900.0, 7.0], [1000.0f32, 1000.0, -900.0, 7.000_976_6]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 2).unwrap(), Cloud::new(Side::B, &y, 2, 2).unwrap());
        let gradient = Energy.evaluate(&a, &b, Request::GRADIENT).unwrap().gradient.unwrap().features;
        // Sample 1 is pulled by its near partner with slope 2 a b, along the second axis.
        assert!((f64::from(gradient[3]) + 0.5).abs() < 1e-3, "{gradient:?}");
        let same = Energy.evaluate(&a, &a, Request::GRADIENT).unwrap();
        assert_eq!(same.value, 0.0);
        assert!(same.gradient.unwrap().features.iter().all(|g| g.abs() < 1e-6));
    }
}
