//! Normalised knowledge distillation: −p_T(y) · log p_S(y) − γ · T² · Σ_{c≠y} p̂_T(c) · log p̂_S(c), mean over the batch; p̂ is the softmax at
//! T over the classes beside the target, whose sums are equal in both networks so that the cross entropy can be met. Yang et al. 2023, "From
//! knowledge distillation to self-knowledge distillation: a unified approach with normalized loss and customized soft labels".

use burn::tensor::{
    Tensor,
    activation::{log_softmax, softmax},
};
use kd2m_ot::{Options, OtError};

use super::dkd::{MASKED, one_hot};
use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    each_sample::EachSample,
    entry::{Entry, Number, PART, number, temperature},
    error::CriterionError,
    shapes::Needs,
};

pub(super) const GAMMA: Number = number!(gamma = 1.5 in PART, "weight of the classes beside the target; at least 0");
const TEMPERATURE: Number = temperature!(1);

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "nkd",
    aliases: &[],
    formula: "−p_T(y) log p_S(y) − γ·T²·Σ over the other classes of p̂_T log p̂_S, p̂ the softmax at T over these, mean over samples",
    source: "Yang et al. 2023, Normalized KD",
    cost: "O(n·classes)",
    when: "as dkd, with fewer numbers to choose: the target counts as much as the teacher is sure of it",
    weight: 1.0,
    options: &[GAMMA.spec(), TEMPERATURE.spec()],
    build: |o| Ok(Box::new(Nkd::read(o)?)),
};

/// Cost O(n · classes). Choose it as `dkd`.
#[derive(Debug, Clone)]
pub struct Nkd {
    /// Weight of the classes beside the target.
    pub gamma: f64,
    /// T, of these classes alone.
    pub temperature: f64,
}

impl Nkd {
    /// Its options.
    ///
    /// # Errors
    /// A number out of its range.
    pub(super) fn read(options: &Options) -> Result<Self, OtError> {
        Ok(Self { gamma: GAMMA.read(options)?, temperature: TEMPERATURE.read(options)? })
    }
}

impl EachSample for Nkd {
    fn of_samples(&self, student: Tensor<2>, teacher: Tensor<2>, labels: &[u32]) -> Tensor<2> {
        let [_, classes] = student.dims();
        let hot = one_hot(labels, classes, &student.device());
        let target = softmax(teacher.clone(), 1) * hot.clone() * log_softmax(student.clone(), 1);
        let others = |logits: Tensor<2>| logits / self.temperature - hot.clone() * MASKED;
        let other = softmax(others(teacher), 1) * log_softmax(others(student), 1);
        -(target.sum_dim(1) + other.sum_dim(1) * (self.gamma * self.temperature.powi(2)))
    }
}

impl Criterion for Nkd {
    fn needs(&self) -> Needs {
        Needs::logits_and_labels()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let (student, teacher) = (batch.student.logits.clone(), batch.teacher.logits.clone());
        Ok(Term::new(self.of_samples(student, teacher, batch.labels).mean()))
    }
}
