//! Neuron selectivity transfer: Σ over stages of the squared MMD between a sample's channels, each a unit vector over
//! positions, with the kernel (a·b)²: mean k(T, T) + mean k(S, S) − 2 mean k(S, T). Huang and Wang 2017, "Like what you
//! like".

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
    name: "nst",
    aliases: &["neuron-selectivity"],
    formula: "Σ over stages of the squared MMD of a sample's channels as unit vectors, kernel (a·b)²",
    source: "Huang, Wang 2017, NST",
    cost: "O(n·(c_S + c_T)·h·w·min(c_S + c_T, h·w))",
    when: "channels that differ in number, nothing learned beside the student",
    weight: 50.0,
    options: OnStages::<Nst>::OPTIONS,
    build: OnStages::<Nst>::build,
};

/// Cost O(n · (c_S + c_T) · h · w · min(c_S + c_T, h · w)). Choose it where channels differ in number and no learned
/// part is wanted.
struct Nst;

/// The squared MMD, averaged over samples. Its three kernel means are ‖Sᵀ S / c_S − Tᵀ T / c_T‖²_F over positions,
/// which is the smaller matrix at deep stages.
fn squared_mmd(student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
    let (student, teacher) = (unit(positions(student), 2), unit(positions(teacher), 2));
    let ([n, c_s, area], [_, c_t, _]) = (student.dims(), teacher.dims());
    if area <= c_s + c_t {
        let second_moment = |x: Tensor<3>, channels: usize| x.clone().swap_dims(1, 2).matmul(x) / channels as f64;
        return (second_moment(student, c_s) - second_moment(teacher, c_t)).square().sum() / n as f64;
    }
    mean_kernel(&teacher, &teacher) + mean_kernel(&student, &student) - mean_kernel(&student, &teacher) * 2.0
}

/// Mean of (a·b)² over the batch and all pairs of channels.
fn mean_kernel(a: &Tensor<3>, b: &Tensor<3>) -> Tensor<1> {
    a.clone().matmul(b.clone().swap_dims(1, 2)).square().mean()
}

impl StageLoss for Nst {
    const STAGES: Choice = Choice::All;
    const POOLED: bool = true;

    fn new(_: &mut ParameterSet, _: &str, _: PairShape, _: u64) -> Self {
        Self
    }

    fn loss(&self, _: &ParameterSet, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
        squared_mmd(student, teacher)
    }
}
