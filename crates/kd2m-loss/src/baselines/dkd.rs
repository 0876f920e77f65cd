//! Decoupled knowledge distillation: T² · (α · TCKD + β · NCKD), mean over the batch. TCKD is the KL divergence between
//! teacher and student of (p_target, 1 − p_target), NCKD that of the softmax over the other classes.
//! Zhao et al. 2022, "Decoupled knowledge distillation".

use burn::tensor::{
    Device, Tensor, TensorData,
    activation::{log_softmax, softmax},
};

use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::{Entry, Number, PART, number, temperature},
    error::CriterionError,
    shapes::Needs,
};

/// Takes a class out of a softmax: exp(−1000) is 0 in single precision.
pub(super) const MASKED: f64 = 1000.0;

/// Keeps log finite where a softmax underflows.
const TINY: f64 = 1e-30;

const ALPHA: Number = number!(alpha = 1 in PART, "weight of the target's part; at least 0");
const BETA: Number = number!(beta = 8 in PART, "weight of the other classes; tuned by pair, at least 0");
const TEMPERATURE: Number = temperature!(4);

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "dkd",
    aliases: &["decoupled"],
    formula: "T² · (α·KL(target or not) + β·KL(the other classes)), mean over samples",
    source: "Zhao et al. 2022, Decoupled KD",
    cost: "O(n·classes)",
    when: "a teacher so sure of its training samples that hinton hardly sees the other classes",
    weight: 1.0,
    options: &[ALPHA.spec(), BETA.spec(), TEMPERATURE.spec()],
    build: |o| Ok(Box::new(Dkd { alpha: ALPHA.read(o)?, beta: BETA.read(o)?, temperature: TEMPERATURE.read(o)? })),
};

/// Cost O(n · classes). Choose it where the teacher is sure of its training samples, so that Hinton's loss hardly sees
/// the other classes. Its authors warm it up over 20 epochs (`warmup_epochs`) and tune β by pair.
#[derive(Debug, Clone)]
pub struct Dkd {
    /// Weight of the target's part.
    pub alpha: f64,
    /// Weight of the other classes.
    pub beta: f64,
    /// T.
    pub temperature: f64,
}

impl Criterion for Dkd {
    fn needs(&self) -> Needs {
        Needs::logits_and_labels()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let [n, classes] = batch.student.logits.dims();
        let hot = one_hot(batch.labels, classes, &batch.student.logits.device());
        let student = batch.student.logits.clone() / self.temperature;
        let teacher = batch.teacher.logits.clone() / self.temperature;
        let target = binary_kl(softmax(teacher.clone(), 1), softmax(student.clone(), 1), &hot);
        let mask = hot * MASKED;
        let (student, teacher) = (student - mask.clone(), teacher - mask);
        let other = softmax(teacher.clone(), 1) * (log_softmax(teacher, 1) - log_softmax(student, 1));
        let loss = target.sum() * self.alpha + other.sum() * self.beta;
        Ok(Term::new(loss * (self.temperature.powi(2) / n as f64)))
    }
}

/// KL((p_y, 1 − p_y) ‖ (q_y, 1 − q_y)) a sample `[n, 1]`. The rest is summed rather than taken from 1, which keeps its
/// digits.
fn binary_kl(p: Tensor<2>, q: Tensor<2>, hot: &Tensor<2>) -> Tensor<2> {
    let split = |p: Tensor<2>| {
        let target = (p.clone() * hot.clone()).sum_dim(1);
        let rest = (p * (hot.clone() * -1.0 + 1.0)).sum_dim(1);
        [target.clamp_min(TINY), rest.clamp_min(TINY)]
    };
    let ([p, p_rest], [q, q_rest]) = (split(p), split(q));
    let kl = |p: Tensor<2>, q: Tensor<2>| p.clone() * (p.log() - q.log());
    kl(p, q) + kl(p_rest, q_rest)
}

/// Labels as rows of 0 and 1 `[n, classes]`.
pub(super) fn one_hot(labels: &[u32], classes: usize, device: &Device) -> Tensor<2> {
    let mut rows = vec![0f32; labels.len() * classes];
    labels.iter().zip(rows.chunks_mut(classes.max(1))).for_each(|(label, row)| {
        if let Some(entry) = row.get_mut(*label as usize) {
            *entry = 1.0;
        }
    });
    Tensor::from_data(TensorData::new(rows, [labels.len(), classes]), &device.clone().without_autodiff())
}
