//! What a classifier loses: 0-1 loss, cross entropy ℓ(u, y) = −ln p_y, and 1 − p_y, bounded where ℓ is not: the
//! Gibbs risk, the error of a classifier that draws its answer from its softmax.
//! 1[wrong] ≤ ℓ / ln 2 and 1[wrong] ≤ 2 (1 − p_y) carry bounds over to wrong answers; `docs/theory.md`, statement 2. In `f64`.

use serde::Serialize;

/// Cross entropy of one sample: logits u, class y, without overflow.
pub fn cross_entropy(u: &[f64], y: usize) -> f64 {
    let top = u.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top - u[y] + u.iter().map(|x| (x - top).exp()).sum::<f64>().ln()
}

/// Softmax of one sample.
pub fn softmax(u: &[f64]) -> Vec<f64> {
    let top = u.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = u.iter().map(|x| (x - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|x| x / sum).collect()
}

/// The first class with the largest logit, as accuracy counts it.
pub fn predicted(u: &[f64]) -> usize {
    u.iter().enumerate().fold(0, |best, (c, x)| if *x > u[best] { c } else { best })
}

/// Means over the samples of a split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Risk {
    /// Share of wrong answers.
    pub zero_one: f64,
    pub cross_entropy: f64,
    /// Mean of 1 − p_y.
    pub gibbs: f64,
}

impl Risk {
    /// Of row-major logits `[n, classes]`.
    pub fn of(logits: &[f64], labels: &[u32], classes: usize) -> Self {
        let mut sum = Self { zero_one: 0.0, cross_entropy: 0.0, gibbs: 0.0 };
        for (u, y) in logits.chunks_exact(classes).zip(labels) {
            let y = *y as usize;
            let loss = cross_entropy(u, y);
            sum.zero_one += if predicted(u) == y { 0.0 } else { 1.0 };
            sum.cross_entropy += loss;
            sum.gibbs += -(-loss).exp_m1();
        }
        let n = labels.len().max(1) as f64;
        Self { zero_one: sum.zero_one / n, cross_entropy: sum.cross_entropy / n, gibbs: sum.gibbs / n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::testing::{Random, normal};

    #[test]
    fn closed_forms() {
        assert!((cross_entropy(&[0.0; 4], 2) - 4f64.ln()).abs() < 1e-15);
        assert!((cross_entropy(&[1000.0, 0.0], 1) - 1000.0).abs() < 1e-12 && cross_entropy(&[1000.0, 0.0], 0) == 0.0);
        let risk = Risk::of(&[0.0, 0.0, 1.0, 0.0, -50.0, 50.0], &[0, 1, 0], 2);
        let second = (1.0 + 1f64.exp()).ln();
        assert!((risk.zero_one - 2.0 / 3.0).abs() < 1e-15);
        assert!((risk.cross_entropy - (2f64.ln() + second + 100.0) / 3.0).abs() < 1e-12);
        let gibbs = 0.5 + 1f64.exp() / (1.0 + 1f64.exp()) + 1.0;
        assert!((risk.gibbs - gibbs / 3.0).abs() < 1e-12);
    }

    /// Statement 2.
    #[test]
    fn wrong_answers_cost_at_least_ln_two() {
        let mut random = Random::new(3);
        for classes in [2, 3, 10] {
            let logits = normal(&mut random, 500 * classes);
            let labels: Vec<u32> = (0..500).map(|i| i % classes as u32).collect();
            let risk = Risk::of(&logits, &labels, classes);
            assert!(risk.zero_one <= 2.0 * risk.gibbs && risk.gibbs <= risk.cross_entropy);
            for (u, y) in logits.chunks_exact(classes).zip(&labels) {
                let y = *y as usize;
                let costly = cross_entropy(u, y) >= 2f64.ln() && softmax(u)[y] <= 0.5;
                assert!(predicted(u) == y || costly);
            }
        }
        // A tie that goes to the wrong class costs exactly ln 2: neither constant can be smaller.
        assert!((cross_entropy(&[1.0, 1.0], 1) - 2f64.ln()).abs() < 1e-15 && predicted(&[1.0, 1.0]) == 0);
    }
}
