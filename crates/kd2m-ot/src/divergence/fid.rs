//! Fréchet distance as the FID packages compute it: `gaussian-w2` with covariances by n − 1.
//! Heusel et al. (2017). Finite for n < d too, where the packages' matrix square root is singular. Next: [`super::gaussian_w2`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
    gaussian_w2::bures,
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    moments::Moments,
    parameters::parameters,
    precision::{
        Estimate, Estimated, evaluate,
        sets::{EstimatedOfSets, evaluate_sets},
    },
    real::Real,
    sets::{Over, Set, moments, tiles::Reader},
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "fid",
    aliases: &["frechet"],
    formula: "‖μ − μ'‖² + tr(Σ + Σ' − 2 (Σ Σ')^½), covariances by n − 1",
    source: "Heusel et al., GANs trained by a two time-scale update rule (2017)",
    cost: "as gaussian-w2",
    when: "to compare figures with FID packages; for training gaussian-w2 is the same up to the factor n/(n − 1)",
    traits: Traits { sets: true, ..Traits::PLAIN },
    options: Fid::OPTIONS,
    build: build::<Fid>,
};

parameters! {
    /// Fréchet distance with unbiased covariances.
    pub struct Fid for ENTRY;
}

impl<T: Real> Divergence<T> for Fid {
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

impl<T: Real> EstimatedOfSets<T> for Fid {
    fn estimate_sets(
        &self,
        a: &Reader<T>,
        b: &Reader<T>,
        request: Request,
        over: Over,
    ) -> Result<Estimate<T>, OtError> {
        let (of_a, of_b) =
            (moments::unbiased(ENTRY.name, over.ranks, a)?, moments::unbiased(ENTRY.name, over.ranks, b)?);
        bures(ENTRY.name, &of_a, &of_b, request)
    }
}

impl<T: Real> Estimated<T> for Fid {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let (a, b) = rayon::join(|| Moments::unbiased(ENTRY.name, a), || Moments::unbiased(ENTRY.name, b));
        bures(ENTRY.name, &a?, &b?, request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    #[test]
    fn in_one_dimension_means_and_deviations() {
        let (x, y) = ([1.0f64, 2.0, 6.0], [0.0f64, 4.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 3, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        // Means 3 and 2, unbiased variances 7 and 8.
        let expected = 1.0 + (7.0f64.sqrt() - 8.0f64.sqrt()).powi(2);
        assert!((Fid.evaluate(&a, &b, Request::VALUE).unwrap().value - expected).abs() < 1e-12);
    }

    #[test]
    fn gradient_matches_finite_differences() {
        for (n, m, d) in [(4, 5, 8), (12, 9, 4)] {
            let (x, y) = (testing::normal(1, n * d), testing::normal(2, m * d));
            testing::check_gradient(&Fid, &x, n, &y, m, d, 1e-6);
        }
    }
}
