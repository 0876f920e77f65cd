//! What a finite sample says of the population (Hoeffding 1963): a loss in 0…M averaged over n samples that were drawn independently
//! of the networks is off by at most M √(ln(1/δ) / 2n), either way, with probability 1 − δ each. `docs/theory.md`, statement 8.

use serde::Serialize;

use super::risk::Risk;

/// How sure the statements of [`Confidence`] are: 95 %.
pub const DELTA: f64 = 0.05;

/// Statements about all images from those of a split; each is wrong with probability [`DELTA`] at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Confidence {
    pub delta: f64,
    /// The student's population share of wrong answers is at most this, from its own answers.
    pub zero_one: f64,
    /// The student's population Gibbs risk is at most the teacher's plus this: transfer + mismatch + 2 √(ln(2/δ) / 2n).
    pub excess_gibbs: f64,
}

/// M √(ln(1/δ) / 2n).
pub fn hoeffding(largest: f64, n: usize, delta: f64) -> f64 {
    largest * ((1.0 / delta).ln() / (2.0 * n as f64)).sqrt()
}

impl Confidence {
    /// From the student's risk on n samples, and the proved bound of student's Gibbs risk − teacher's on the same samples.
    pub fn of(student: &Risk, n: usize, excess_gibbs: f64) -> Self {
        Self {
            delta: DELTA,
            zero_one: (student.zero_one + hoeffding(1.0, n, DELTA)).min(1.0),
            excess_gibbs: excess_gibbs + 2.0 * hoeffding(1.0, n, DELTA / 2.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::testing::Random;

    /// Statement 8: of many samples, at most a share δ lies outside.
    #[test]
    fn samples_stray_no_further_than_said() {
        let (n, draws, mut random) = (60, 4000, Random::new(6));
        for p in [0.05, 0.3, 0.5] {
            let mut outside = 0;
            for _ in 0..draws {
                let mean = (0..n).filter(|_| random.uniform() < p).count() as f64 / n as f64;
                outside += usize::from(p > mean + hoeffding(1.0, n, DELTA));
            }
            assert!(outside as f64 <= DELTA * draws as f64, "{p}: {outside}");
        }
        // A width half as large does not hold.
        let strays = |_| (0..n).filter(|_| random.uniform() < 0.5).count() as f64 / n as f64;
        let means: Vec<f64> = (0..draws).map(strays).collect();
        let outside = means.iter().filter(|m| 0.5 > **m + 0.5 * hoeffding(1.0, n, DELTA)).count();
        assert!(outside as f64 > DELTA * draws as f64);
    }

    #[test]
    fn widths_fall_with_the_root_of_n() {
        assert!((hoeffding(2.0, 400, 0.1) - 0.5 * hoeffding(2.0, 100, 0.1)).abs() < 1e-15);
        assert!((hoeffding(1.0, 50, (-1f64).exp()) - 0.1).abs() < 1e-15);
    }
}
