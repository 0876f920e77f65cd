//! Decoupled knowledge distillation: T² · (α · TCKD + β · NCKD), mean over the batch. TCKD is the KL divergence between
//! teacher and student of (p_target, 1 − p_target), NCKD that of the softmax over the other classes.
//! Zhao et al. 2022, "Decoupled knowledge distillation".

use burn::tensor::{
    Device, Tensor, TensorData,
    activation::{log_softmax, softmax},
};
use kd2m_ot::{Options, OtError};

use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    each_sample::EachSample,
    entry::{Entry, Number, PART, number, temperature},
    error::CriterionError,
    shapes::Needs,
};

/// Takes a class out of a softmax: exp(−1000) is 0 in single precision.
pub(super) const MASKED: f64 = 1000.0;

/// Keeps log finite where a softmax underflows.
const TINY: f64 = 1e-30;

pub(super) const ALPHA: Number = number!(alpha = 1 in PART, "weight of the target's part; at least 0");
pub(super) const BETA: Number = number!(beta = 8 in PART, "weight of the other classes; tuned by pair, at least 0");
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
    build: |o| Ok(Box::new(Dkd::read(o)?)),
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
        let n = batch.student.logits.dims()[0] as f64;
        let [target, other] = self.parts(batch.student.logits.clone(), batch.teacher.logits.clone(), batch.labels);
        let loss = target.sum() * self.alpha + other.sum() * self.beta;
        Ok(Term::new(loss * (self.temperature.powi(2) / n)))
    }
}

impl Dkd {
    /// Its options.
    ///
    /// # Errors
    /// A number out of its range.
    pub(super) fn read(options: &Options) -> Result<Self, OtError> {
        let (alpha, beta) = (ALPHA.read(options)?, BETA.read(options)?);
        Ok(Self { alpha, beta, temperature: TEMPERATURE.read(options)? })
    }

    /// The target's part of each sample `[n, 1]`, and what each of the other classes adds to theirs `[n, classes]`.
    fn parts(&self, student: Tensor<2>, teacher: Tensor<2>, labels: &[u32]) -> [Tensor<2>; 2] {
        let [_, classes] = student.dims();
        let hot = one_hot(labels, classes, &student.device());
        let (student, teacher) = (student / self.temperature, teacher / self.temperature);
        let target = binary_kl(softmax(teacher.clone(), 1), softmax(student.clone(), 1), &hot);
        let mask = hot * MASKED;
        let (student, teacher) = (student - mask.clone(), teacher - mask);
        let other = softmax(teacher.clone(), 1) * (log_softmax(teacher, 1) - log_softmax(student, 1));
        [target, other]
    }
}

impl EachSample for Dkd {
    fn of_samples(&self, student: Tensor<2>, teacher: Tensor<2>, labels: &[u32]) -> Tensor<2> {
        let [target, other] = self.parts(student, teacher, labels);
        (target * self.alpha + other.sum_dim(1) * self.beta) * self.temperature.powi(2)
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
