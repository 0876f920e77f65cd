//! Streamlined knowledge distillation: T² · KL(softmax(t/T) ‖ softmax(s/T)) + mean over samples of √(Dᵢᵀ (Σ + λI)⁻¹ Dᵢ), where
//! D = G_S − G_T, G the inner products of the batch's logits, each of length 1, and Σ the covariance of D's rows. "SKD", CVPR 2026.
//! Taken from its description; inferred here: T = 4, the ridge λ = 0.1, Σ with n − 1, and that Σ is held constant for the gradient, as
//! bandwidths are (with a gradient through Σ and a small ridge, the sum of these distances would hardly depend on D).

use burn::tensor::{Tensor, TensorData};

use super::hinton::Hinton;
use crate::{
    batch::{Batch, host},
    criterion::{Criterion, Term},
    entry::{Entry, Number, PART, number, temperature},
    error::CriterionError,
    shapes::Needs,
    unit::{inverse_root, unit},
};

const TEMPERATURE: Number = temperature!(4);
const RIDGE: Number = number!(
    ridge = 0.1 in crate::entry::ABOVE_ZERO,
    "Tikhonov term of the covariance; above 0, the larger the more like a plain distance of the inner products"
);
const RELATION: Number = number!(relation = 1 in PART, "weight of the distance beside the KL divergence; at least 0");

/// Squared distances up to this count as zero, where the root has no slope.
const COINCIDENT: f64 = 1e-12;

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "skd",
    aliases: &["streamlined"],
    formula: "hinton + mean √(Dᵢᵀ (Σ + λI)⁻¹ Dᵢ), D = difference of the inner products of unit logits, Σ the covariance of its rows",
    source: "SKD, CVPR 2026 (ridge and constant Σ inferred)",
    cost: "O(n·classes + n³)",
    when: "the highest published figures on CIFAR-100 with logits alone: which samples the teacher holds for alike, beside what it says",
    weight: 1.0,
    options: &[TEMPERATURE.spec(), RIDGE.spec(), RELATION.spec()],
    build: |o| {
        let (temperature, ridge, relation) = (TEMPERATURE.read(o)?, RIDGE.read(o)?, RELATION.read(o)?);
        Ok(Box::new(Skd { temperature, ridge, relation }))
    },
};

/// Cost O(n · classes + n³). Choose it where logits are all there is and batches are not small.
#[derive(Debug, Clone)]
pub struct Skd {
    /// T.
    pub temperature: f64,
    /// λ.
    pub ridge: f64,
    /// Weight of the second part.
    pub relation: f64,
}

impl Criterion for Skd {
    fn needs(&self) -> Needs {
        Needs::logits()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let mut plain = Hinton { temperature: self.temperature, standardise: false, reverse: false };
        let loss = plain.evaluate(batch)?.loss;
        let n = batch.student.logits.dims()[0];
        if n < 2 || self.relation == 0.0 {
            // One sample has no relations.
            return Ok(Term::new(loss));
        }
        let gram = |logits: &Tensor<2>| {
            let rows = unit(logits.clone(), 1);
            rows.clone().matmul(rows.transpose())
        };
        let difference = gram(&batch.student.logits) - gram(&batch.teacher.logits);
        let precision = precision(&host(&difference)?, n, self.ridge);
        let device = difference.device().without_autodiff();
        let precision = Tensor::<2>::from_data(TensorData::new(precision, [n, n]), &device);
        let squares = (difference.clone().matmul(precision) * difference).sum_dim(1);
        let distances = squares.clone() * inverse_root(squares, COINCIDENT);
        Ok(Term::new(loss + distances.mean() * self.relation))
    }
}

/// (Σ + ridge · I)⁻¹ of the covariance with n − 1 of the n rows of a matrix `[n, n]`, by Cholesky in double precision.
fn precision(matrix: &[f32], n: usize, ridge: f64) -> Vec<f32> {
    let mut centred: Vec<f64> = matrix.iter().map(|x| f64::from(*x)).collect();
    for column in 0..n {
        let mean = (0..n).map(|row| centred[row * n + column]).sum::<f64>() / n as f64;
        (0..n).for_each(|row| centred[row * n + column] -= mean);
    }
    // The lower triangle of L, Σ + ridge · I = L Lᵀ; the ridge keeps its diagonal above 0.
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let covariance =
                (0..n).map(|row| centred[row * n + i] * centred[row * n + j]).sum::<f64>() / (n - 1) as f64;
            let known: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
            lower[i * n + j] = match i == j {
                true => (covariance + ridge - known).max(f64::MIN_POSITIVE).sqrt(),
                false => (covariance - known) / lower[j * n + j],
            };
        }
    }
    // Column by column: L y = e, Lᵀ x = y.
    let mut inverse = vec![0f32; n * n];
    let mut x = vec![0.0; n];
    for column in 0..n {
        for i in 0..n {
            let known: f64 = (0..i).map(|k| lower[i * n + k] * x[k]).sum();
            x[i] = (f64::from(u8::from(i == column)) - known) / lower[i * n + i];
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| lower[k * n + i] * x[k]).sum();
            x[i] = (x[i] - known) / lower[i * n + i];
        }
        (0..n).for_each(|i| inverse[i * n + column] = x[i] as f32);
    }
    inverse
}
