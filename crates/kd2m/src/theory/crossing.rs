//! Which classes the best coupling of whole distributions joins. Where it keeps within classes, the distance of the whole is the one within
//! classes, which bounds risks; where it does not, what it crosses says how far the two may be apart. `docs/theory.md`, statement 11.

use std::collections::BTreeMap;

use kd2m_ot::Plan;

use super::{
    chain::{Chain, Term},
    distance::Pair,
};

/// What an optimal coupling of two clouds of the same samples does to classes.
pub struct Crossing {
    /// Share of the mass that goes from a class to another, 0 … 1.
    pub mass: f64,
    /// Σ π_y W₂²(y) and what it is at most.
    pub chain: Chain,
}

impl Crossing {
    /// Of `plan`, whose cost is in `w2`; `cw2` is [lower, upper] of Σ π_y W₂²(y).
    pub fn of(plan: &Plan, pair: &Pair, labels: &[u32], w2: [f64; 2], cw2: [f64; 2]) -> Self {
        let mut crossed = BTreeMap::<u32, f64>::new();
        for (i, j, mass) in plan.entries() {
            if labels[i] != labels[j] {
                *crossed.entry(labels[i]).or_default() += mass;
            }
        }
        let again: f64 = crossed.iter().map(|(class, mass)| mass * farthest(pair, labels, *class)).sum();
        let terms = vec![
            Term::between("cw2, priors", cw2, "best coupling within classes"),
            Term::between("w2 + Σ ε_y D_y²", w2.map(|w| w + again), "what crosses, coupled again within its class"),
        ];
        Self { mass: crossed.values().sum(), chain: Chain::new("classes in the best coupling", 11, terms) }
    }
}

/// The largest ‖x_i − y_j‖² of two samples of a class.
fn farthest(pair: &Pair, labels: &[u32], class: u32) -> f64 {
    let rows: Vec<usize> = (0..pair.len()).filter(|i| labels[*i] == class).collect();
    let row = |of: &[f64], i: usize| -> Vec<f64> { of[i * pair.width..(i + 1) * pair.width].to_vec() };
    let apart = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
    let theirs: Vec<Vec<f64>> = rows.iter().map(|j| row(pair.b, *j)).collect();
    let most = |i: &usize| {
        let own = row(pair.a, *i);
        theirs.iter().map(|other| apart(&own, other)).fold(0.0, f64::max)
    };
    rows.iter().map(most).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::{
        chain::Verdict,
        sample::Features,
        testing::{Random, normal},
        within::{by_priors, rows_of_classes, within_classes},
    };

    fn crossing(a: &[f64], b: &[f64], width: usize, labels: &[u32]) -> (Crossing, [f64; 2]) {
        let pair = Pair { a, b, width, exact_limit: 1000 };
        let clouds = [a, b].map(|values| Features { values: values.to_vec(), width });
        let within = within_classes(&clouds[0], &clouds[1], &rows_of_classes(labels, 5), 1000).unwrap();
        let cw2 = by_priors(&within, |c| c.w2);
        let (w2, plan) = pair.coupled().unwrap();
        (Crossing::of(&plan.unwrap(), &pair, labels, w2, cw2), w2)
    }

    /// Clouds whose classes lie far apart: the best coupling crosses nothing, and both distances are one.
    #[test]
    fn classes_that_lie_apart_are_kept() {
        let (n, d, mut random) = (60, 3, Random::new(3));
        let labels: Vec<u32> = (0..n as u32).map(|i| i % 3).collect();
        let far = |noise: Vec<f64>| -> Vec<f64> {
            noise
                .iter()
                .enumerate()
                .map(|(k, x)| x + 100.0 * f64::from(labels[k / d]) * f64::from(u8::from(k % d == 0)))
                .collect()
        };
        let (a, b) = (far(normal(&mut random, n * d)), far(normal(&mut random, n * d)));
        let (found, w2) = crossing(&a, &b, d, &labels);
        assert_eq!(found.mass, 0.0);
        let [within, whole] = &found.chain.terms[..] else { panic!("two terms") };
        assert!((within.upper / w2[1] - 1.0).abs() < 1e-9 && whole.upper == w2[1]);
    }

    /// Statement 9's two images, exchanged: everything crosses, and the bound is met.
    #[test]
    fn classes_that_are_exchanged_meet_the_bound() {
        let (found, w2) = crossing(&[1.0, 0.0], &[0.0, 1.0], 1, &[0, 1]);
        assert_eq!((found.mass, w2[1]), (1.0, 0.0));
        let [within, whole] = &found.chain.terms[..] else { panic!("two terms") };
        assert_eq!((within.upper, whole.upper), (1.0, 1.0));
    }

    /// What crosses is counted by hand, and the inequality holds whatever the classes.
    #[test]
    fn what_crosses_is_counted() {
        let (a, b) = ([0.0, 1.0, 5.0, 6.0], [0.1, 5.2, 1.1, 6.3]);
        // By order: 0–0.1, 1–1.1, 5–5.2, 6–6.3, i.e. samples 0–0, 1–2, 2–1, 3–3.
        let (found, _) = crossing(&a, &b, 1, &[0, 0, 1, 1]);
        assert_eq!(found.mass, 0.5);
        let mut random = Random::new(4);
        for seed in 0..20 {
            let labels: Vec<u32> = (0..40).map(|i| (i * 7 + seed) % (1 + seed % 5)).collect();
            let (a, b) = (normal(&mut random, 80), normal(&mut random, 80));
            let (found, _) = crossing(&a, &b, 2, &labels);
            let expected = if seed % 5 == 0 { found.mass == 0.0 } else { found.mass > 0.0 };
            assert!(expected && found.chain.links().iter().all(|link| link.verdict != Verdict::Violated), "{seed}");
        }
    }
}
