//! Sinkhorn distance over the batch: Σ P ∘ W, W_ij = ‖p_i − q_j‖₁ between the student's and the teacher's softmax
//! outputs, P = exp(−W / ε) after rounds of making rows, then columns, sum to 1; the gradient runs through the rounds.
//! Cui et al. 2024, "SinKD"; its weight, 0.001, is for language models.

use burn::tensor::{Device, activation::softmax};

use super::{Criterion, CriterionError, Needs, Shapes, Term};
use crate::batch::Batch;

/// Cost O(n² · (classes + iterations)). Choose it to see what a plan over the batch adds to Hinton's sample-by-sample
/// loss.
pub struct SinKd {
    pub temperature: f64,
    pub epsilon: f64,
    pub iterations: usize,
}

impl Criterion for SinKd {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn prepare(&mut self, _: &Shapes, _: &Device, _: u64) -> Result<(), CriterionError> {
        Ok(())
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
