//! The ways from the teacher's risk to the student's. Through a head: its risk on both features, then both heads on one of them.
//! Or by the outputs, with no head in between: logits, probabilities. The outputs need no equal widths. `docs/theory.md`, statement 4.

use std::f64::consts::LN_2;

use serde::Serialize;

use super::{
    chain::{Chain, Term},
    distance::Pair,
    head::Affine,
    lipschitz::Lipschitz,
    mismatch::Mismatch,
    risk::{Risk, softmax},
    sample::Features,
    transfer::{Clouds, Transfer},
    within::{by_priors, within_classes},
};
use crate::Error;

/// A way, with what it proves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bound {
    /// `teacher's head`, `student's head`, `logits` or `probabilities`.
    pub by: &'static str,
    /// How much cross entropy rises at most between the two features, and between the two heads; none for probabilities.
    pub transfer: Option<f64>,
    pub mismatch: Option<f64>,
    /// The student's cross entropy is at most this, from the least terms that are proved.
    pub bound: Option<f64>,
    /// The same from Λ CW₂ and √2 E‖Δ‖.
    pub bound_by_cw2: Option<f64>,
    /// The student's Gibbs risk is at most the teacher's plus this.
    pub gibbs: f64,
    /// The student's share of wrong answers is at most this.
    pub wrong: f64,
}

/// The risks at both ends of every way.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    pub student: Risk,
    pub teacher: Risk,
}

impl Ends {
    /// By way of a head that reads features; `logits` are what both heads say of the same features, `on`, student's head first.
    pub fn through_head(
        &self,
        by: &'static str,
        (head, lipschitz): (&Affine, &Lipschitz),
        clouds: &Clouds,
        (on, logits): (&str, [&[f64]; 2]),
    ) -> (Bound, Vec<Chain>) {
        let transfer = Transfer::of(by, head, lipschitz, clouds);
        let mismatch = Mismatch::of(logits[0], logits[1], clouds.labels, head.outputs());
        let [s, t] = logits.map(|logits| Risk::of(logits, clouds.labels, head.outputs()));
        let heads = vec![
            Term::new(
                "|R(h_S∘g) − R(h_T∘g)|",
                (s.cross_entropy - t.cross_entropy).abs(),
                "both heads on one set of features",
            ),
            Term::new("E max_c |Δ_c − Δ_y|", mismatch.spread, "spread of the logits' difference Δ"),
            Term::new("√2 E ‖Δ‖", mismatch.norm, "its norm"),
        ];
        let gibbs = vec![
            Term::new("|G(h_S∘g) − G(h_T∘g)|", (s.gibbs - t.gibbs).abs(), "both heads on one set of features"),
            Term::new("E max_c |Δ_c − Δ_y| / 4", mismatch.spread / 4.0, "a quarter of the slope"),
        ];
        let (way, chain) = self.bound(by, &transfer, &mismatch);
        let mut chains = transfer.chains;
        chains.push(Chain::new(format!("cross entropy between the heads, on {on}"), 4, heads));
        chains.push(Chain::new(format!("Gibbs risk between the heads, on {on}"), 4, gibbs));
        chains.push(chain);
        (way, chains)
    }

    /// By the logits, centred, which no constant added to all of them moves: one head, the identity, and no mismatch.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn by_logits(&self, ends: &Outputs) -> Result<(Bound, Vec<Chain>), Error> {
        let classes = ends.student.width;
        let identity = (0..classes * classes).map(|k| if k % (classes + 1) == 0 { 1.0 } else { 0.0 }).collect();
        let head = Affine { weight: identity, bias: vec![0.0; classes], inputs: classes };
        let (student, teacher) = (centred(ends.student), centred(ends.teacher));
        let within = within_classes(&student, &teacher, ends.rows, ends.exact_limit)?;
        let pair = Pair { a: &student.values, b: &teacher.values, width: classes, exact_limit: ends.exact_limit };
        let clouds = Clouds {
            student: &student.values,
            teacher: &teacher.values,
            labels: ends.labels,
            classes: &within,
            mse: pair.closed(&kd2m_ot::Options::new("mse"))?,
        };
        let transfer = Transfer::of("logits as features", &head, &Lipschitz::of(&head), &clouds);
        let (way, chain) = self.bound("logits", &transfer, &Mismatch { spread: 0.0, norm: 0.0 });
        Ok((way, transfer.chains.into_iter().chain([chain]).collect()))
    }

    /// By the probabilities, for the Gibbs risk: it is linear in them, |p_y − q_y| ≤ (1 − 1/C)^½ ‖p − q‖.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn by_probabilities(&self, ends: &Outputs) -> Result<(Bound, Vec<Chain>), Error> {
        let classes = ends.student.width;
        let probabilities = |logits: &Features| Features {
            values: logits.values.chunks_exact(classes).flat_map(softmax).collect(),
            width: classes,
        };
        let (student, teacher) = (probabilities(ends.student), probabilities(ends.teacher));
        let within = within_classes(&student, &teacher, ends.rows, ends.exact_limit)?;
        let gibbs = (1.0 - 1.0 / classes as f64).sqrt() * by_priors(&within, |c| c.w1)[1];
        let bound = self.teacher.gibbs + gibbs;
        let terms = vec![
            Term::new("G(student)", self.student.gibbs, "E(1 − p_y)"),
            Term::new("G(teacher) + √(1 − 1/C) Σ π_y W₁(y)", bound, "distance of the probabilities"),
        ];
        let way = Bound {
            by: "probabilities",
            transfer: None,
            mismatch: None,
            bound: None,
            bound_by_cw2: None,
            gibbs,
            wrong: 2.0 * bound,
        };
        Ok((way, vec![Chain::new("the student's Gibbs risk, by probabilities", 4, terms)]))
    }

    fn bound(&self, by: &'static str, transfer: &Transfer, mismatch: &Mismatch) -> (Bound, Chain) {
        let start = self.teacher.cross_entropy;
        let bound = start + transfer.cross_entropy + mismatch.spread;
        let bound_by_cw2 = start + transfer.by_cw2 + mismatch.norm;
        let terms = vec![
            Term::new("R(student)", self.student.cross_entropy, "cross entropy"),
            Term::new("R(teacher) + least + E max|Δ|", bound, "the least that is proved"),
            Term::new("R(teacher) + Λ CW₂ + √2 E‖Δ‖", bound_by_cw2, "by the class-conditional distance"),
            Term::new(
                "R(teacher) + Λ ‖g_S − g_T‖ + √2 E‖Δ‖",
                start + transfer.by_mse + mismatch.norm,
                "by the paired distance",
            ),
        ];
        let gibbs = transfer.gibbs + mismatch.spread / 4.0;
        let way = Bound {
            by,
            transfer: Some(transfer.cross_entropy),
            mismatch: Some(mismatch.spread),
            bound: Some(bound),
            bound_by_cw2: Some(bound_by_cw2),
            gibbs,
            wrong: (bound / LN_2).min(2.0 * (self.teacher.gibbs + gibbs)),
        };
        (way, Chain::new(format!("the student's risk, by {by}"), 4, terms))
    }
}

/// Both networks' logits on the split, as clouds.
pub struct Outputs<'a> {
    pub student: &'a Features,
    pub teacher: &'a Features,
    pub labels: &'a [u32],
    /// Rows of each class.
    pub rows: &'a [Vec<usize>],
    pub exact_limit: usize,
}

fn centred(logits: &Features) -> Features {
    let less_mean = |u: &[f64]| -> Vec<f64> {
        let mean = u.iter().sum::<f64>() / u.len() as f64;
        u.iter().map(|x| x - mean).collect()
    };
    Features { values: logits.values.chunks_exact(logits.width).flat_map(less_mean).collect(), width: logits.width }
}
