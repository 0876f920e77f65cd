//! Probabilistic knowledge transfer: mean over pairs of q_T log((q_T + e) / (q_S + e)), e = 1e-7, where
//! q_ij = (cos(x_i, x_j) + 1) / 2 with rows that sum to 1; the weight 30000 undoes the mean over n².
//! Passalis and Tefas 2018, "Learning deep representations with probabilistic knowledge transfer".

use burn::tensor::{Device, Tensor};

use super::{Criterion, CriterionError, Needs, Shapes, Term, unit::unit};
use crate::batch::Batch;

const EPS: f64 = 1e-7;

/// Cost O(n² · d). Choose it where feature widths differ and which samples lie close matters more than where.
pub struct Pkt;

/// Rows of probabilities `[n, n]`.
fn neighbours(features: Tensor<2>) -> Tensor<2> {
    let x = unit(features, 1);
    let similarity = (x.clone().matmul(x.transpose()) + 1.0) / 2.0;
    similarity.clone() / similarity.sum_dim(1)
}

impl Criterion for Pkt {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn prepare(&mut self, _: &Shapes, _: &Device, _: u64) -> Result<(), CriterionError> {
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let student = neighbours(batch.student.features.clone());
        let teacher = neighbours(batch.teacher.features.clone());
        let log_ratio = (teacher.clone() + EPS).log() - (student + EPS).log();
        Ok(Term::new((teacher * log_ratio).mean()))
    }
}
