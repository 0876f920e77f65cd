//! MMD² with the linear kernel: the squared distance of the means, and the lower end of the chain of distances.
//! Gretton et al. (2012), equation 3 (unbiased) and 5 (biased), with k(x, y) = xᵀy. Next: [`super::mmd_rbf`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    matrix::norm_squared,
    moments::{Mean, at_least_two, effective_rest, mean},
    parameters::parameters,
    precision::{Estimate, Estimated, evaluate, growth, of_square},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "mmd-linear",
    aliases: &["mmd-l"],
    formula: "‖mean A − mean B‖²",
    source: "Gretton et al., A kernel two-sample test (2012)",
    cost: "O((n + m) d) time, O(d) memory",
    when: "the cheapest signal: moves the mean only, blind to everything else; a lower bound of every distance of the W2 family",
    traits: Traits::SQUARED,
    options: MmdLinear::OPTIONS,
    build: build::<MmdLinear>,
};

pub use crate::pairwise::Estimator;

parameters! {
    /// Squared distance of the means.
    #[derive(Copy)]
    pub struct MmdLinear for ENTRY {
        estimator: Estimator,
    }
}

impl<T: Real> Divergence<T> for MmdLinear {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for MmdLinear {
    const WIDE: bool = true;

    fn vanishes_on_equals(&self) -> bool {
        self.estimator == Estimator::V
    }

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        let (mean_a, mean_b) = (mean(a), mean(b));
        let difference = mean_a.minus(&mean_b);
        let mut value = norm_squared(&difference);
        // The unbiased estimator takes off what the noise of each mean adds: Σ a² / (1 − Σ a²) · tr Σ, or tr Σ / (n − 1).
        let mut noise_a = 0.0;
        let mut error = error_of_square(a, &mean_a, b, &mean_b, value);
        if self.estimator == Estimator::U {
            noise_a = noise_of_mean(a)?;
            let noise = noise_a * trace(a, &mean_a) + noise_of_mean(b)? * trace(b, &mean_b);
            value -= noise;
            error += growth(a.len() + b.len()) * f64::EPSILON * noise;
        }
        let gradient = request.gradient.then(|| {
            let mut gradient = Vec::with_capacity(a.len() * a.width());
            for i in 0..a.len() {
                let scale = 2.0 * a.weight(i);
                if noise_a == 0.0 {
                    gradient.extend(difference.iter().map(|delta| T::of(scale * delta)));
                    continue;
                }
                let own = mean_a.residuals(a.row(i)).map(|r| noise_a * r);
                gradient.extend(difference.iter().zip(own).map(|(delta, own)| T::of(scale * (delta - own))));
            }
            gradient
        });
        Ok(Estimate::new(Solution::closed(value).with_gradient(gradient), error))
    }
}

/// How far ‖μ − μ'‖² = `square` may be off. The spread of the samples, which it takes another pass to know, is looked at only where
/// a bound from the features' size does not do.
fn error_of_square<T: Real>(a: &Cloud<T>, mean_a: &Mean, b: &Cloud<T>, mean_b: &Mean, square: f64) -> f64 {
    let of = |spread_a: f64, spread_b: f64| {
        let own = mean_a.error(spread_a, a.len()) + mean_b.error(spread_b, b.len());
        of_square(square, own + 2.0 * f64::EPSILON * square.sqrt()) + a.width() as f64 * f64::MIN_POSITIVE
    };
    let rough = of(4.0 * a.sum_of_squares(), 4.0 * b.sum_of_squares());
    if rough <= ROUGH * square { rough } else { of(trace(a, mean_a), trace(b, mean_b)) }
}

/// A rough bound on the error that is this small a share of the value needs no better one.
const ROUGH: f64 = 1e-6;

fn noise_of_mean<T: Real>(cloud: &Cloud<T>) -> Result<f64, OtError> {
    at_least_two(ENTRY.name, cloud)?;
    let rest = effective_rest(ENTRY.name, cloud)?;
    Ok((1.0 - rest) / rest)
}

/// tr Σ with 1/n.
fn trace<T: Real>(cloud: &Cloud<T>, mean: &Mean) -> f64 {
    let spread = |i: usize| mean.residuals(cloud.row(i)).map(|r| r * r).sum::<f64>();
    (0..cloud.len()).map(|i| cloud.weight(i) * spread(i)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    fn clouds(n: usize, m: usize, d: usize) -> (Vec<f64>, Vec<f64>) {
        (testing::normal(1, n * d), testing::normal(2, m * d).iter().map(|x| x + 0.3).collect())
    }

    #[test]
    fn unbiased_estimator_is_the_mean_over_pairs_of_different_samples() {
        let (n, m, d) = (6, 9, 4);
        let (x, y) = clouds(n, m, d);
        let dot = |u: &[f64], v: &[f64]| crate::matrix::dot(u, v);
        let row = |z: &'static str, i: usize| if z == "x" { &x[i * d..][..d] } else { &y[i * d..][..d] };
        let mut expected = 0.0;
        for i in 0..n {
            expected +=
                (0..n).filter(|&j| j != i).map(|j| dot(row("x", i), row("x", j))).sum::<f64>() / (n * (n - 1)) as f64;
            expected -= 2.0 * (0..m).map(|j| dot(row("x", i), row("y", j))).sum::<f64>() / (n * m) as f64;
        }
        for i in 0..m {
            expected +=
                (0..m).filter(|&j| j != i).map(|j| dot(row("y", i), row("y", j))).sum::<f64>() / (m * (m - 1)) as f64;
        }
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        let found = MmdLinear { estimator: Estimator::U }.evaluate(&a, &b, Request::VALUE).unwrap();
        assert!((found.value - expected).abs() < 1e-12);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (x, y) = clouds(5, 7, 3);
        for estimator in [Estimator::V, Estimator::U] {
            testing::check_gradient(&MmdLinear { estimator }, &x, 5, &y, 7, 3, 1e-7);
        }
    }
}
