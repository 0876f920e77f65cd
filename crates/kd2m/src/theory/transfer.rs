//! How far the risk of one head can differ between student's and teacher's features: at most Σ π_y Λ_y W₁(y), class by class and
//! by priors; and, since cross entropy is convex, less where the teacher is sure. `docs/theory.md`, statement 3.

use super::{
    chain::{Chain, Term},
    head::Affine,
    lipschitz::Lipschitz,
    risk::{Risk, softmax},
    within::{ClassDistance, by_priors},
};

/// Where a head reads: both networks' features `[n, inputs]`, the labels, and the distances between the two.
pub struct Clouds<'a> {
    pub student: &'a [f64],
    pub teacher: &'a [f64],
    pub labels: &'a [u32],
    pub classes: &'a [ClassDistance],
    /// (1/n) Σ ‖x_i − y_i‖².
    pub mse: f64,
}

/// The risk of one head on both networks' features.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// At most this does cross entropy rise: Σ π_y min(Λ_y W₁(y), s_y W₂(y) + Λ² W₂²(y) / 8).
    pub cross_entropy: f64,
    /// At most this does the Gibbs risk change: Σ π_y Λ_y W₁(y) / 4.
    pub gibbs: f64,
    /// Λ (Σ π_y W₂²(y))^½ and Λ ‖g_S − g_T‖.
    pub by_cw2: f64,
    pub by_mse: f64,
    pub chains: Vec<Chain>,
}

impl Transfer {
    /// Through `head`, which titles call `name`.
    pub fn of(name: &str, head: &Affine, lipschitz: &Lipschitz, clouds: &Clouds) -> Self {
        let Clouds { student, teacher, labels, classes, mse } = *clouds;
        let (on_student, on_teacher) = (head.apply(student), head.apply(teacher));
        let risk = |logits: &[f64]| Risk::of(logits, labels, head.outputs());
        let (of_student, of_teacher) = (risk(&on_student), risk(&on_teacher));
        let difference = of_student.cross_entropy - of_teacher.cross_entropy;
        let slopes = slopes(head, &on_teacher, labels);
        let largest = lipschitz.largest;
        let first = |c: &ClassDistance| lipschitz.by_class[c.class] * c.w1[1];
        let second = |c: &ClassDistance| slopes[c.class] * c.w2[1].sqrt() + largest * largest * c.w2[1] / 8.0;
        let sum = |x: &dyn Fn(&ClassDistance) -> f64| classes.iter().map(|c| c.prior * x(c)).sum::<f64>();
        let (by_classes, least) = (sum(&first), sum(&|c| first(c).min(second(c))));
        let by_w1 = largest * by_priors(classes, |c| c.w1)[1];
        let by_cw2 = largest * by_priors(classes, |c| c.w2)[1].sqrt();
        let (by_mse, by_norm) = (largest * mse.sqrt(), lipschitz.from_operator_norm * mse.sqrt());
        let each = || Term::new("Σ π_y Λ_y W₁(y)", by_classes, "each class with its own constant");
        let either = vec![
            Term::new("|R(h∘g_S) − R(h∘g_T)|", difference.abs(), "cross entropy of one head on both"),
            each(),
            Term::new("Λ Σ π_y W₁(y)", by_w1, "one constant"),
            Term::new("Λ CW₂", by_cw2, "what a CW₂ criterion with priors lowers"),
            Term::new("Λ ‖g_S − g_T‖", by_mse, "what a paired criterion lowers"),
            Term::new("√2 ‖W‖ ‖g_S − g_T‖", by_norm, "from the head's norm alone"),
        ];
        let rise = vec![
            Term::new("R(h∘g_S) − R(h∘g_T)", difference, "how much the student's features cost"),
            Term::new("Σ π_y min(Λ_y W₁, s_y W₂ + Λ²W₂²/8)", least, "less where the teacher is sure"),
            each(),
        ];
        let gibbs = vec![
            Term::new("|G(h∘g_S) − G(h∘g_T)|", (of_student.gibbs - of_teacher.gibbs).abs(), "E(1 − p_y)"),
            Term::new("Σ π_y Λ_y W₁(y) / 4", by_classes / 4.0, "a quarter of the slope of cross entropy"),
        ];
        let chains = [("cross entropy", either), ("rise of cross entropy", rise), ("Gibbs risk", gibbs)];
        let chain = |(what, terms)| Chain::new(format!("{what} between the features, {name}"), 3, terms);
        Self {
            cross_entropy: least,
            gibbs: by_classes / 4.0,
            by_cw2,
            by_mse,
            chains: chains.into_iter().map(chain).collect(),
        }
    }
}

/// s_y, the root mean square over class y of ‖∇_z ℓ‖ = ‖Wᵀ(p − e_y)‖ at these logits; 0 for a class without samples.
fn slopes(head: &Affine, logits: &[f64], labels: &[u32]) -> Vec<f64> {
    let classes = head.outputs();
    let mut sums = vec![(0.0, 0usize); classes];
    for (u, y) in logits.chunks_exact(classes).zip(labels) {
        let mut p = softmax(u);
        p[*y as usize] -= 1.0;
        let mut gradient = vec![0.0; head.inputs];
        for (c, p) in p.iter().enumerate() {
            gradient.iter_mut().zip(head.row(c)).for_each(|(g, w)| *g += p * w);
        }
        let sum = &mut sums[*y as usize];
        *sum = (sum.0 + gradient.iter().map(|g| g * g).sum::<f64>(), sum.1 + 1);
    }
    sums.into_iter().map(|(sum, n)| (sum / n.max(1) as f64).sqrt()).collect()
}
