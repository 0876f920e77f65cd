//! Neuron selectivity transfer: Σ over stages of the squared MMD between a sample's channels, each a unit vector over
//! positions, with the kernel (a·b)²: mean k(T, T) + mean k(S, S) − 2 mean k(S, T). Huang and Wang 2017, "Like what you
//! like".

use burn::tensor::{Device, Tensor};
use kd2m_ot::Options;

use super::{
    Criterion, CriterionError, Needs, Shapes, Term,
    stages::{Choice, Stages},
    unit::{positions, unit},
};
use crate::batch::Batch;

/// Cost O(n · (c_S + c_T) · h · w · min(c_S + c_T, h · w)). Choose it where channels differ in number and no learned
/// part is wanted.
pub struct Nst {
    stages: Stages,
}

impl Nst {
    /// Reads `stages`; all common blocks when none is named.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn new(options: &Options) -> Result<Self, CriterionError> {
        Ok(Self { stages: Stages::parse(options, Choice::All)? })
    }
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

    fn prepare(&mut self, shapes: &Shapes, _: &Device, _: u64) -> Result<(), CriterionError> {
        self.stages.prepare(shapes).map(|_| ())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let pairs = self.stages.pooled(batch)?.into_iter();
        Term::sum(pairs.map(|[student, teacher]| squared_mmd(student, teacher)))
    }
}
