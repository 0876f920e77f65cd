//! Sliced W₂²: the mean over directions of the one-dimensional W₂² of the projected clouds.
//! Rabin et al. (2011), Bonneel et al. (2015); directions orthonormal in blocks (Rowland et al. 2019).
//! Next: [`super::max_sliced`], [`crate::projection`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    matrix::{product, view},
    pairwise::points::Points,
    precision::{
        Estimate, Estimated, evaluate,
        sets::{EstimatedOfSets, evaluate_sets},
    },
    projection::{along, along_sets, error_along, gradient_error_along, sliced},
    real::Real,
    sets::{Over, Set, tiles::Reader},
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "sw2",
    aliases: &["sliced-w2"],
    formula: "mean over directions θ of W₂²(θᵀA, θᵀB), one-dimensional and squared",
    source: "Rabin et al. (2011); Bonneel et al. (2015); orthogonal directions, Rowland et al. (2019)",
    cost: "O(L (n + m) (d + log(n + m))) time, O(L (n + m)) memory, L directions",
    when: "large batches: nearly linear in n, and a real transport gradient for every sample; at most w2/d",
    traits: Traits { sets: true, ..Traits::SQUARED },
    options: Sliced::OPTIONS,
    build: build::<Sliced>,
};

sliced! {
    /// Mean squared transport distance over directions.
    pub struct Sliced for ENTRY
}

impl<T: Real> Divergence<T> for Sliced {
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

impl<T: Real> EstimatedOfSets<T> for Sliced {
    fn estimate_sets(
        &self,
        a: &Reader<T>,
        b: &Reader<T>,
        request: Request,
        over: Over,
    ) -> Result<Estimate<T>, OtError> {
        let directions: Vec<T> = self.of_width(a.width(), request.stop)?.iter().map(|x| T::of(*x)).collect();
        let (values, error) = along_sets(over.ranks, a, b, &directions)?;
        let mut solution = Solution::closed(values.iter().sum::<f64>() / values.len() as f64);
        solution.diagnostics.push(("directions", values.len() as f64));
        Ok(Estimate::new(solution, error))
    }
}

impl<T: Real> Estimated<T> for Sliced {
    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let d = a.width();
        let directions: Vec<T> = self.of_clouds(a, b, request.stop)?.iter().map(|x| T::of(*x)).collect();
        let count = directions.len() / d;
        let (points_a, points_b) = Points::centred(a, b);
        let mut lines = along(&points_a, &points_b, &directions, request.gradient, request.stop)?;
        let gradient = request.gradient.then(|| {
            let share = T::of(1.0 / count as f64);
            lines.slopes.iter_mut().for_each(|s| *s *= share);
            let slopes = view(&lines.slopes, count, points_a.len());
            points_a.scatter(product(slopes.transpose(), view(&directions, count, d)))
        });
        let value = lines.values.iter().sum::<f64>() / count as f64;
        let mut solution = Solution::closed(value).with_gradient(gradient);
        solution.diagnostics.push(("directions", count as f64));
        let error = error_along(&points_a, &points_b, value);
        Ok(Estimate::new(solution, error).with_gradient_error(gradient_error_along(&points_a, &lines)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, solver::one_dimension, testing};

    fn with(directions: usize) -> Sliced {
        Sliced::default().directions(directions)
    }

    #[test]
    fn on_the_line_it_is_w2() {
        let (x, y) = (testing::normal(1, 9), testing::normal(2, 6));
        let (a, b) = (Cloud::new(Side::A, &x, 9, 1).unwrap(), Cloud::new(Side::B, &y, 6, 1).unwrap());
        let expected = one_dimension::transport(&x, None, &y, None, 2.0).cost;
        let found = with(4).evaluate(&a, &b, Request::VALUE).unwrap().value;
        assert!((found - expected).abs() < 1e-12);
    }

    #[test]
    fn two_diracs_give_their_squared_distance_over_d() {
        let d = 8;
        let (x, y) = (testing::normal(1, d), testing::normal(2, d));
        let squared = crate::cost::squared_distance(&x, &y);
        let (a, b) = (Cloud::new(Side::A, &x, 1, d).unwrap(), Cloud::new(Side::B, &y, 1, d).unwrap());
        for directions in [8, 24] {
            let found = with(directions).evaluate(&a, &b, Request::VALUE).unwrap().value;
            assert!((found - squared / 8.0).abs() < 1e-12);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (x, y) = (testing::normal(1, 8 * 3), testing::normal(2, 6 * 3));
        testing::check_gradient(&with(5), &x, 8, &y, 6, 3, 1e-6);
        testing::check_gradient(&with(7), &x, 8, &testing::normal(5, 24), 8, 3, 1e-6);
        let (a, b) = ([1.0, 2.0, 0.0, 1.0, 0.5, 3.0, 1.0, 1.0], [1.0, 1.0, 2.0, 0.0, 1.0, 1.0]);
        testing::check_weighted_gradient(&with(5), &x, &a, &y, &b, 3, 1e-6);
    }
}
