//! Probabilistic knowledge transfer: mean over pairs of q_T log((q_T + e) / (q_S + e)), e = 1e-7, where
//! q_ij = (cos(x_i, x_j) + 1) / 2 with rows that sum to 1; the weight 30000 undoes the mean over n².
//! Passalis and Tefas 2018, "Learning deep representations with probabilistic knowledge transfer".

use burn::tensor::Tensor;

use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::Entry,
    error::CriterionError,
    shapes::Needs,
    unit::unit,
};

const EPS: f64 = 1e-7;

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "pkt",
    aliases: &["probabilistic"],
    formula: "mean q_T log((q_T + e) / (q_S + e)), q = rows of (cos + 1)/2 that sum to 1, e = 1e-7",
    source: "Passalis, Tefas 2018",
    cost: "O(n²·d)",
    when: "which samples lie close matters more than where; widths may differ",
    weight: 30_000.0,
    options: &[],
    build: |_| Ok(Box::new(Pkt)),
};

/// Cost O(n² · d). Choose it where feature widths differ and which samples lie close matters more than where.
#[derive(Debug, Clone)]
pub struct Pkt;

/// Rows of probabilities `[n, n]`.
fn neighbours(features: Tensor<2>) -> Tensor<2> {
    let x = unit(features, 1);
    let similarity = (x.clone().matmul(x.transpose()) + 1.0) / 2.0;
    similarity.clone() / similarity.sum_dim(1)
}

impl Criterion for Pkt {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let student = neighbours(batch.student.features.clone());
        let teacher = neighbours(batch.teacher.features.clone());
        let log_ratio = (teacher.clone() + EPS).log() - (student + EPS).log();
        Ok(Term::new((teacher * log_ratio).mean()))
    }
}
