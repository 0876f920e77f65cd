//! Similarity preserving: ‖rows(G_S) − rows(G_T)‖²_F / n², G = F Fᵀ over the batch, F a map flattened, rows scaled to
//! length 1. Tung and Mori 2019, "Similarity-preserving knowledge distillation".

use burn::tensor::Tensor;


use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::Entry,
    error::CriterionError,
    shapes::Needs,
    stages::{Choice, OnStages, Stages},
    unit::unit,
};

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "sp",
    aliases: &["similarity"],
    formula: "‖rows(G_S) − rows(G_T)‖²_F / n², G = F Fᵀ over the batch, rows of length 1",
    source: "Tung, Mori 2019, Similarity-preserving KD",
    cost: "O(n²·c·h·w)",
    when: "maps that differ in every size: only which samples look alike is compared",
    weight: 3000.0,
    options: &[Choice::Last.option()],
    build: |o| OnStages::recipe(o, Choice::Last, |stages, _, _| Ok(Box::new(Sp { stages }))),
};

/// Cost O(n² · c · h · w). Choose it where maps differ in every size: only which samples look alike is compared.
struct Sp {
    stages: Stages,
}

/// Inner products of samples `[n, n]`, each row of length 1.
fn similarities(map: Tensor<4>) -> Tensor<2> {
    let [n, c, h, w] = map.dims();
    let rows = map.reshape([n, c * h * w]);
    unit(rows.clone().matmul(rows.transpose()), 1)
}

impl Criterion for Sp {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let pairs = self.stages.maps(batch)?.into_iter();
        Ok(Term::sum(batch, pairs.map(|[student, teacher]| (similarities(student) - similarities(teacher)).square().mean())))
    }
}
