//! Attention transfer: Σ over stages of mean((Q_S − Q_T)²), Q = unit vector of the mean over channels of F², one entry
//! a position. Zagoruyko and Komodakis 2017, "Paying more attention to attention"; the form of the authors' code, whose
//! weight is 1000.

use burn::tensor::Tensor;


use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::Entry,
    error::CriterionError,
    shapes::Needs,
    stages::{Choice, OnStages, Stages},
    unit::{positions, unit},
};

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "at",
    aliases: &["attention"],
    formula: "Σ over stages of mean (Q_S − Q_T)², Q = unit vector of the mean over channels of F²",
    source: "Zagoruyko, Komodakis 2017",
    cost: "O(n·c·h·w)",
    when: "maps that differ in channels, nothing learned beside the student",
    weight: 1000.0,
    options: &[Choice::All.option()],
    build: |o| OnStages::recipe(o, Choice::All, |stages, _, _| Ok(Box::new(At { stages }))),
};

/// Cost O(n · c · h · w). Choose it where networks differ in channels but look at images in like steps: it needs no
/// learned part.
struct At {
    stages: Stages,
}

/// Where a map is large `[n, 1, h · w]`.
fn attention(map: Tensor<4>) -> Tensor<3> {
    unit(positions(map).square().mean_dim(1), 2)
}

impl Criterion for At {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let pairs = self.stages.pooled(batch)?.into_iter();
        Ok(Term::sum(batch, pairs.map(|[student, teacher]| (attention(student) - attention(teacher)).square().mean())))
    }
}
