//! Hinton's knowledge distillation: T² · KL(softmax(teacher / T) ‖ softmax(student / T)), mean over the batch. Hinton,
//! Vinyals and Dean 2015, "Distilling the knowledge in a neural network"; with `standardise`, logits are first brought
//! to zero mean and unit deviation per sample (Sun et al. 2024, "Logit standardization in knowledge distillation").

use burn::tensor::{Tensor, activation::log_softmax};

use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    each_sample::EachSample,
    entry::{Entry, Number, option, temperature},
    error::CriterionError,
    shapes::Needs,
};

pub(super) const TEMPERATURE: Number = temperature!(4);

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "hinton",
    aliases: &["kd"],
    formula: "T² · KL(softmax(t/T) ‖ softmax(s/T)), mean over samples",
    source: "Hinton, Vinyals, Dean 2015",
    cost: "O(n·classes)",
    when: "the reference point of every comparison; logits only",
    weight: 0.9,
    options: &[
        TEMPERATURE.spec(),
        option("reverse", "false", "true: KL(student ‖ teacher), as KD²M's reference code has it by mistake"),
    ],
    build: |o| {
        let (temperature, reverse) = (TEMPERATURE.read(o)?, o.flag("reverse")?);
        Ok(Box::new(Hinton { temperature, standardise: false, reverse }))
    },
};

/// Cost O(n · classes). Choose it as the reference point: it needs no features and any pair of networks has logits.
#[derive(Debug, Clone)]
pub struct Hinton {
    /// T.
    pub temperature: f64,
    /// Logits with zero mean and unit deviation per sample.
    pub standardise: bool,
    /// KL(student ‖ teacher) in its place, as KD²M's reference code has it.
    pub reverse: bool,
}

impl Criterion for Hinton {
    fn needs(&self) -> Needs {
        Needs::logits()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let (student, teacher) = match self.standardise {
            true => (standardise(batch.student.logits.clone()), standardise(batch.teacher.logits.clone())),
            false => (batch.student.logits.clone(), batch.teacher.logits.clone()),
        };
        let n = student.dims()[0] as f64;
        let kl = self.terms(student, teacher).sum() / n;
        Ok(Term::new(kl * self.temperature.powi(2)))
    }
}

impl Hinton {
    /// What each class adds to the KL divergence of each sample `[n, classes]`.
    fn terms(&self, student: Tensor<2>, teacher: Tensor<2>) -> Tensor<2> {
        let log_q = log_softmax(student / self.temperature, 1);
        let log_p = log_softmax(teacher / self.temperature, 1);
        match self.reverse {
            false => log_p.clone().exp() * (log_p - log_q),
            true => log_q.clone().exp() * (log_q - log_p),
        }
    }
}

impl EachSample for Hinton {
    fn of_samples(&self, student: Tensor<2>, teacher: Tensor<2>, _: &[u32]) -> Tensor<2> {
        self.terms(student, teacher).sum_dim(1) * self.temperature.powi(2)
    }
}

/// (z − mean) / (deviation + 1e-7) per sample; the deviation with n − 1, as in the authors' code. The floor keeps the
/// gradient of the root finite where all logits of a sample are equal.
pub(super) fn standardise(logits: Tensor<2>) -> Tensor<2> {
    let (variance, mean) = logits.clone().var_mean(1);
    (logits - mean) / (variance.clamp_min(1e-14).sqrt() + 1e-7)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::batch::{Outputs, host, leaf};

    const STUDENT: [f64; 6] = [1.0, -0.5, 0.25, 0.0, 2.0, -1.0];
    const TEACHER: [f64; 6] = [0.5, 1.5, -1.0, 3.0, 0.0, 0.5];

    /// T²/n Σ_i KL(student_i ‖ teacher_i) in f64, written out.
    fn reversed(student: &[f64], temperature: f64) -> f64 {
        let softmax = |row: &[f64]| {
            let all: Vec<f64> = row.iter().map(|x| (x / temperature).exp()).collect();
            let sum: f64 = all.iter().sum();
            all.into_iter().map(|x| x / sum).collect::<Vec<f64>>()
        };
        let rows = student.chunks(3).zip(TEACHER.chunks(3)).map(|(s, t)| {
            let (q, p) = (softmax(s), softmax(t));
            q.iter().zip(&p).map(|(q, p)| q * (q / p).ln()).sum::<f64>()
        });
        temperature.powi(2) * rows.sum::<f64>() / 2.0
    }

    #[test]
    fn the_reverse_form_and_its_gradient() {
        let device = Device::flex();
        let outputs = |logits: &[f64]| {
            let values: Vec<f32> = logits.iter().map(|x| *x as f32).collect();
            let logits = Tensor::<2>::from_data(TensorData::new(values, [2, 3]), &device);
            Outputs { features: logits.clone(), logits, maps: Vec::new() }
        };
        let mut student = outputs(&STUDENT);
        student.logits = leaf(&student.logits);
        let teacher = Outputs { logits: leaf(&outputs(&TEACHER).logits).detach(), ..outputs(&TEACHER) };
        let batch = Batch::new(&student, &teacher);
        let loss = Hinton { temperature: 2.0, standardise: false, reverse: true }.evaluate(&batch).unwrap().loss;
        let value = f64::from(host(&loss).unwrap()[0]);
        assert!((value - reversed(&STUDENT, 2.0)).abs() < 1e-6, "{value}");
        let mut gradients = loss.backward();
        let found = host(&student.logits.grad_remove(&mut gradients).unwrap()).unwrap();
        for (i, g) in found.iter().enumerate() {
            let moved = |step: f64| {
                let mut at = STUDENT;
                at[i] += step;
                reversed(&at, 2.0)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((f64::from(*g) - expected).abs() < 1e-5, "{i}: {g} {expected}");
        }
    }
}
