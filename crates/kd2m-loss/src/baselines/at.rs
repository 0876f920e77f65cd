//! Attention transfer: Σ over stages of mean((Q_S − Q_T)²), Q = unit vector of the mean over channels of F², one entry
//! a position. Zagoruyko and Komodakis 2017, "Paying more attention to attention"; the form of the authors' code, whose
//! weight is 1000.

use burn::tensor::Tensor;

use crate::{
    entry::Entry,
    on_stages::{OnStages, StageLoss},
    parameters::ParameterSet,
    stages::{Choice, PairShape},
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
    options: OnStages::<At>::OPTIONS,
    build: OnStages::<At>::build,
};

/// Cost O(n · c · h · w). Choose it where networks differ in channels but look at images in like steps: it needs no
/// learned part.
struct At;

/// Where a map is large `[n, 1, h · w]`.
fn attention(map: Tensor<4>) -> Tensor<3> {
    unit(positions(map).square().mean_dim(1), 2)
}

impl StageLoss for At {
    const STAGES: Choice = Choice::All;
    const POOLED: bool = true;

    fn new(_: &mut ParameterSet, _: &str, _: PairShape, _: u64) -> Self {
        Self
    }

    fn loss(&self, _: &ParameterSet, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
        (attention(student) - attention(teacher)).square().mean()
    }
}
