//! Max-sliced W₂²: the largest one-dimensional W₂² over the sampled directions, instead of their mean.
//! Deshpande et al. (2019), over orthonormal blocks of directions. Next: [`super::sliced`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    pairwise::points::Points,
    precision::{Estimate, Estimated, evaluate},
    projection::{along, error_along, gradient_error_along, sliced},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "max-sw2",
    aliases: &["max-sliced-w2"],
    formula: "max over directions θ of W₂²(θᵀA, θᵀB), one-dimensional and squared",
    source: "Deshpande et al., Max-sliced Wasserstein distance (2019)",
    cost: "as sw2",
    when: "clouds that differ in few directions, which a mean over directions would dilute; a gradient along one direction only",
    traits: Traits::SQUARED,
    options: MaxSliced::OPTIONS,
    build: build::<MaxSliced>,
};

sliced! {
    /// Largest squared transport distance over directions.
    pub struct MaxSliced for ENTRY
}

impl<T: Real> Divergence<T> for MaxSliced {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for MaxSliced {
    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let d = a.width();
        let stop = request.stop;
        let directions: Vec<T> = self.of_clouds(a, b, stop)?.iter().map(|x| T::of(*x)).collect();
        let (points_a, points_b) = Points::centred(a, b);
        let lines = along(&points_a, &points_b, &directions, false, stop)?;
        let best = (0..lines.values.len()).max_by(|&i, &j| lines.values[i].total_cmp(&lines.values[j])).unwrap_or(0);
        let (mut gradient, mut gradient_error) = (None, 0.0);
        if request.gradient {
            let direction = &directions[best * d..][..d];
            let line = along(&points_a, &points_b, direction, true, stop)?;
            gradient_error = gradient_error_along(&points_a, &line);
            let rows = line.slopes.iter().flat_map(|s| direction.iter().map(move |t| *s * *t)).collect();
            gradient = Some(points_a.scatter(rows));
        }
        let error = error_along(&points_a, &points_b, lines.values[best]);
        let mut solution = Solution::closed(lines.values[best]).with_gradient(gradient);
        solution.diagnostics = vec![("directions", lines.values.len() as f64), ("direction", best as f64)];
        Ok(Estimate::new(solution, error).with_gradient_error(gradient_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{divergence::sliced::Sliced, error::Side, testing};

    fn with(directions: usize) -> MaxSliced {
        MaxSliced::default().directions(directions)
    }

    #[test]
    fn lies_between_the_mean_and_d_times_the_mean() {
        let (x, y) = (testing::normal(1, 9 * 4), testing::normal(2, 6 * 4));
        let (a, b) = (Cloud::new(Side::A, &x, 9, 4).unwrap(), Cloud::new(Side::B, &y, 6, 4).unwrap());
        let largest = with(4).evaluate(&a, &b, Request::VALUE).unwrap().value;
        let mean = Sliced::default().directions(4).evaluate(&a, &b, Request::VALUE).unwrap().value;
        assert!(mean < largest && largest < 4.0 * mean);
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let (x, y) = (testing::normal(1, 8 * 3), testing::normal(2, 6 * 3));
        testing::check_gradient(&with(5), &x, 8, &y, 6, 3, 1e-6);
    }
}
