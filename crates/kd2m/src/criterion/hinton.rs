//! Hinton's knowledge distillation: T² · KL(softmax(teacher / T) ‖ softmax(student / T)), mean over the batch. Hinton,
//! Vinyals and Dean 2015, "Distilling the knowledge in a neural network"; with `standardise`, logits are first brought
//! to zero mean and unit deviation per sample (Sun et al. 2024, "Logit standardization in knowledge distillation").

use burn::tensor::{
    Device, Tensor,
    activation::{log_softmax, softmax},
};

use super::{Criterion, CriterionError, Needs, Shapes, Term};
use crate::batch::Batch;

/// Cost O(n · classes). Choose it as the reference point: it needs no features and any pair of networks has logits.
pub struct Hinton {
    pub temperature: f64,
    pub standardise: bool,
}

impl Criterion for Hinton {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn prepare(&mut self, _: &Shapes, _: &Device, _: u64) -> Result<(), CriterionError> {
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let (student, teacher) = match self.standardise {
            true => (standardise(batch.student.logits.clone()), standardise(batch.teacher.logits.clone())),
            false => (batch.student.logits.clone(), batch.teacher.logits.clone()),
        };
        let n = student.dims()[0] as f64;
        let log_q = log_softmax(student / self.temperature, 1);
        let p = softmax(teacher.clone() / self.temperature, 1);
        let log_p = log_softmax(teacher / self.temperature, 1);
        let kl = (p * (log_p - log_q)).sum() / n;
        Ok(Term::new(kl * self.temperature.powi(2)))
    }
}

/// (z − mean) / (deviation + 1e-7) per sample; the deviation with n − 1, as in the authors' code. The floor keeps the
/// gradient of the root finite where all logits of a sample are equal.
fn standardise(logits: Tensor<2>) -> Tensor<2> {
    let (variance, mean) = logits.clone().var_mean(1);
    (logits - mean) / (variance.clamp_min(1e-14).sqrt() + 1e-7)
}
