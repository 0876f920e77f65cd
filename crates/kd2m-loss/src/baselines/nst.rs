//! Neuron selectivity transfer: Σ over stages of the squared MMD between a sample's channels, each a unit vector over
//! positions, with the kernel (a·b)²: mean k(T, T) + mean k(S, S) − 2 mean k(S, T). Huang and Wang 2017, "Like what you
//! like".

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
    name: "nst",
    aliases: &["neuron-selectivity"],
    formula: "Σ over stages of the squared MMD of a sample's channels as unit vectors, kernel (a·b)²",
    source: "Huang, Wang 2017, NST",
    cost: "O(n·(c_S + c_T)·h·w·min(c_S + c_T, h·w))",
    when: "channels that differ in number, nothing learned beside the student",
    weight: 50.0,
    options: &[Choice::All.option()],
    build: |o| OnStages::recipe(o, Choice::All, |stages, _, _| Ok(Box::new(Nst { stages }))),
};

/// Cost O(n · (c_S + c_T) · h · w · min(c_S + c_T, h · w)). Choose it where channels differ in number and no learned
/// part is wanted.
struct Nst {
    stages: Stages,
}

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

impl Criterion for Nst {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let pairs = self.stages.pooled(batch)?.into_iter();
        Ok(Term::sum(batch, pairs.map(|[student, teacher]| squared_mmd(student, teacher))))
    }
}
