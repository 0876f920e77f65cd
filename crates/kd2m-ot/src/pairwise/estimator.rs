//! Which mean over pairs estimates a squared MMD. Next: [`super::pair_sum`], which takes its factors.

use crate::{
    cloud::Cloud, error::OtError, moments::effective_rest, parameters::words, precision::non_negative, real::Real,
};

words! {
    /// Which estimator of a squared MMD.
    pub enum Estimator {
        /// all pairs, biased, never negative
        V = "v",
        /// unbiased, without the pairs of a sample with itself, can be negative
        U = "u",
    }
}

impl Estimator {
    /// The factors of MMD². The unbiased estimator divides by 1 − Σ a², (n − 1)/n for uniform weights.
    pub(crate) fn factors<T: Real>(self, metric: &str, a: &Cloud<T>, b: &Cloud<T>) -> Result<Factors, OtError> {
        self.factors_with(|| Ok((effective_rest(metric, a)?, effective_rest(metric, b)?)))
    }

    /// The same where 1 − Σ a² and 1 − Σ b² are known, or can be.
    pub(crate) fn factors_with(self, rests: impl FnOnce() -> Result<(f64, f64), OtError>) -> Result<Factors, OtError> {
        Ok(match self {
            Estimator::V => Factors { aa: 1.0, ab: -2.0, bb: 1.0, diagonal: true },
            Estimator::U => {
                let (rest_a, rest_b) = rests()?;
                Factors { aa: 1.0 / rest_a, ab: -2.0, bb: 1.0 / rest_b, diagonal: false }
            }
        })
    }

    /// Takes rounding below zero off an estimator that cannot be negative.
    pub(crate) fn clamp(self, value: f64) -> f64 {
        if self == Estimator::V { non_negative(value) } else { value }
    }
}

/// The three means over pairs, each with the factor it has in the value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factors {
    /// Of Σ a_i a_j k(x_i, x_j).
    pub aa: f64,
    /// Of Σ a_i b_j k(x_i, y_j).
    pub ab: f64,
    /// Of Σ b_i b_j k(y_i, y_j).
    pub bb: f64,
    /// Whether a sample counts as its own partner.
    pub diagonal: bool,
}
