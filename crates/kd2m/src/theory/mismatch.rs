//! What two heads disagree on over the same features: Δ(x) = logits of one − logits of the other.
//! |ℓ(u, y) − ℓ(u', y)| ≤ max_c |Δ_c − Δ_y| ≤ √2 ‖Δ‖, and a quarter of it for 1 − p_y; `docs/theory.md`, statement 4.
//! 0 where the heads are one.

use serde::Serialize;

/// Means over samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mismatch {
    /// E max_c |Δ_c − Δ_y|.
    pub spread: f64,
    /// √2 E ‖Δ‖.
    pub norm: f64,
}

impl Mismatch {
    /// Of two sets of row-major logits `[n, classes]` of the same samples.
    pub fn of(one: &[f64], other: &[f64], labels: &[u32], classes: usize) -> Self {
        let mut sum = Self { spread: 0.0, norm: 0.0 };
        for ((u, v), y) in one.chunks_exact(classes).zip(other.chunks_exact(classes)).zip(labels) {
            let delta: Vec<f64> = u.iter().zip(v).map(|(a, b)| a - b).collect();
            let own = delta[*y as usize];
            sum.spread += delta.iter().map(|d| (d - own).abs()).fold(0.0, f64::max);
            sum.norm += std::f64::consts::SQRT_2 * delta.iter().map(|d| d * d).sum::<f64>().sqrt();
        }
        let n = labels.len().max(1) as f64;
        Self { spread: sum.spread / n, norm: sum.norm / n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::{
        risk::{cross_entropy, softmax},
        testing::{Random, normal},
    };

    #[test]
    fn a_constant_added_to_all_logits_is_no_mismatch() {
        let found = Mismatch::of(&[3.0, 4.0], &[1.0, 2.0], &[1], 2);
        assert!(found.spread == 0.0 && (found.norm - 4.0).abs() < 1e-12);
    }

    /// Statement 4, sample by sample.
    #[test]
    fn losses_differ_by_at_most_the_spread() {
        let mut random = Random::new(4);
        for classes in [2, 5, 20] {
            for scale in [0.01, 1.0, 30.0] {
                let (u, v) = (normal(&mut random, classes), normal(&mut random, classes));
                let v: Vec<f64> = v.iter().map(|x| x * scale).collect();
                for y in 0..classes {
                    let found = Mismatch::of(&u, &v, &[y as u32], classes);
                    let difference = (cross_entropy(&u, y) - cross_entropy(&v, y)).abs();
                    assert!(difference <= found.spread * (1.0 + 1e-12) && found.spread <= found.norm * (1.0 + 1e-12));
                    let gibbs = (softmax(&u)[y] - softmax(&v)[y]).abs();
                    assert!(gibbs <= 0.25 * found.spread * (1.0 + 1e-12));
                }
            }
        }
    }
}
