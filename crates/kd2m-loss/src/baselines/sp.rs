//! Similarity preserving: ‖rows(G_S) − rows(G_T)‖²_F / n², G = F Fᵀ over the batch, F a map flattened, rows scaled to
//! length 1. Tung and Mori 2019, "Similarity-preserving knowledge distillation".

use burn::tensor::Tensor;

use crate::{
    entry::Entry,
    on_stages::{OnStages, StageLoss},
    parameters::ParameterSet,
    stages::{Choice, PairShape},
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
    options: OnStages::<Sp>::OPTIONS,
    build: OnStages::<Sp>::build,
};

/// Cost O(n² · c · h · w). Choose it where maps differ in every size: only which samples look alike is compared.
struct Sp;

/// Inner products of samples `[n, n]`, each row of length 1.
fn similarities(map: Tensor<4>) -> Tensor<2> {
    let [n, c, h, w] = map.dims();
    let rows = map.reshape([n, c * h * w]);
    unit(rows.clone().matmul(rows.transpose()), 1)
}

impl StageLoss for Sp {
    const STAGES: Choice = Choice::Last;
    const POOLED: bool = false;

    fn new(_: &mut ParameterSet, _: &str, _: PairShape, _: u64) -> Self {
        Self
    }

    fn loss(&self, _: &ParameterSet, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
        (similarities(student) - similarities(teacher)).square().mean()
    }
}
