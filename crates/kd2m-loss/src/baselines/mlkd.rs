//! Multi-level logit distillation: over several temperatures the sum of T² · KL (sample by sample), ‖P Pᵀ − Q Qᵀ‖²_F / n (which samples
//! look alike) and ‖Pᵀ P − Qᵀ Q‖²_F / classes (which classes do), P and Q the softmax of both logits, by default brought to zero mean and
//! unit deviation first. Jin, Wang and Lin 2023, "Multi-level logit distillation"; Sun et al. 2024 for the standardised logits.
//! The authors' code also sees each image weakly and strongly augmented and leaves samples out by confidence; neither is done here.

use burn::tensor::{
    Tensor,
    activation::{log_softmax, softmax},
};
use kd2m_ot::Options;

use super::hinton::standardise;
use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::{Entry, option},
    error::CriterionError,
    shapes::Needs,
};

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "mlkd",
    aliases: &["multi-level"],
    formula: "Σ over T of T²·KL + ‖P Pᵀ − Q Qᵀ‖²_F / n + ‖Pᵀ P − Qᵀ Q‖²_F / classes, softmax at T of standardised logits",
    source: "Jin, Wang, Lin 2023, Multi-level logit distillation; Sun et al. 2024",
    cost: "O(temperatures·(n²·classes + n·classes²))",
    when: "logits alone, with relations between samples and between classes beside what is said of each sample",
    weight: 1.0,
    options: &[
        option("temperatures", "2,3,4,5,6", "from 0.001 to 1000 each, 32 at most"),
        option("standardise", "true", "false: logits as they are, as published first"),
    ],
    build: |o| {
        let standardise = o.parsed("standardise", true, "true or false", |_| true)?;
        Ok(Box::new(Mlkd { temperatures: temperatures(o)?, standardise }))
    },
};

const DEFAULT: [f64; 5] = [2.0, 3.0, 4.0, 5.0, 6.0];

fn temperatures(options: &Options) -> Result<Vec<f64>, CriterionError> {
    // A TOML list arrives as `[2, 3]`.
    let text = options.text("temperatures").unwrap_or_default().trim_matches(['[', ']']);
    if text.is_empty() || text == "auto" {
        return Ok(DEFAULT.to_vec());
    }
    let number = |word: &str| word.trim().parse().ok().filter(|t| (1e-3..=1e3).contains(t));
    let all: Option<Vec<f64>> = text.split(',').map(number).collect();
    let expected = "numbers from 0.001 to 1000 as in 2,3,4, at most 32 of them";
    all.filter(|all| all.len() <= 32).ok_or_else(|| options.bad("temperatures", text, expected).into())
}

/// Cost O(temperatures · (n² · classes + n · classes²)). Choose it where logits are all there is.
#[derive(Debug, Clone)]
pub struct Mlkd {
    /// All T.
    pub temperatures: Vec<f64>,
    /// Logits with zero mean and unit deviation per sample.
    pub standardise: bool,
}

impl Criterion for Mlkd {
    fn needs(&self) -> Needs {
        Needs::logits()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let given = |logits: &Tensor<2>| if self.standardise { standardise(logits.clone()) } else { logits.clone() };
        let (student, teacher) = (given(&batch.student.logits), given(&batch.teacher.logits));
        let [n, classes] = student.dims();
        let level = |t: &f64| {
            let (s, t_logits) = (student.clone() / *t, teacher.clone() / *t);
            let (log_q, log_p) = (log_softmax(s.clone(), 1), log_softmax(t_logits.clone(), 1));
            let instances = (log_p.clone().exp() * (log_p - log_q)).sum() * (t * t / n as f64);
            let (q, p) = (softmax(s, 1), softmax(t_logits, 1));
            let squared = |x: Tensor<2>| x.square().sum();
            let between = |p: &Tensor<2>| p.clone().matmul(p.clone().transpose());
            let within = |p: &Tensor<2>| p.clone().transpose().matmul(p.clone());
            let samples = squared(between(&p) - between(&q)) / n as f64;
            instances + samples + squared(within(&p) - within(&q)) / classes as f64
        };
        Ok(Term::sum(batch, self.temperatures.iter().map(level)))
    }
}
