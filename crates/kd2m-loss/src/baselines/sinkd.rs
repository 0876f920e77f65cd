//! Sinkhorn distance over the batch: Σ P ∘ W, W_ij = ‖p_i − q_j‖₁ between the student's and the teacher's softmax
//! outputs, P = exp(−W / ε) after rounds of making rows, then columns, sum to 1; the gradient runs through the rounds.
//! Cui et al. 2024, "SinKD"; its weight, 0.001, is for language models.

use burn::tensor::activation::softmax;

use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::{ABOVE_ZERO, Count, Entry, Number, count, number, temperature},
    error::CriterionError,
    shapes::Needs,
};

const TEMPERATURE: Number = temperature!(2);
const EPSILON: Number = number!(epsilon = 0.1 in ABOVE_ZERO, "entropic regularisation; above 0");
const ITERATIONS: Count = count!(iterations = 20 up to 100_000, "Sinkhorn rounds");

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "sinkd",
    aliases: &[],
    formula: "Σ P ∘ W, W_ij = ‖softmax(s_i/T) − softmax(t_j/T)‖₁, P from exp(−W/ε) with rows and columns of sum 1",
    source: "Cui et al. 2024, SinKD",
    cost: "O(n²·(classes + iterations))",
    when: "what a plan over the batch adds to hinton's sample-by-sample loss",
    weight: 0.001,
    options: &[TEMPERATURE.spec(), EPSILON.spec(), ITERATIONS.spec()],
    build: |o| {
        Ok(Box::new(SinKd {
            temperature: TEMPERATURE.read(o)?,
            epsilon: EPSILON.read(o)?,
            iterations: ITERATIONS.read(o)?,
        }))
    },
};

/// Cost O(n² · (classes + iterations)). Choose it to see what a plan over the batch adds to Hinton's sample-by-sample
/// loss.
#[derive(Debug, Clone)]
pub struct SinKd {
    /// T.
    pub temperature: f64,
    /// Entropic regularisation ε.
    pub epsilon: f64,
    /// Sinkhorn rounds.
    pub iterations: usize,
}

impl Criterion for SinKd {
    fn needs(&self) -> Needs {
        Needs::logits()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let student = softmax(batch.student.logits.clone() / self.temperature, 1);
        let teacher = softmax(batch.teacher.logits.clone() / self.temperature, 1);
        let n = student.dims()[0];
        let differences = student.unsqueeze_dim::<3>(1) - teacher.unsqueeze_dim::<3>(0);
        let cost = differences.abs().sum_dim(2).reshape([n, n]);
        let mut plan = (cost.clone() / -self.epsilon).exp();
        for _ in 0..self.iterations {
            plan = plan.clone() / plan.sum_dim(1);
            plan = plan.clone() / plan.sum_dim(0);
        }
        Ok(Term::new((plan * cost).sum()))
    }
}
