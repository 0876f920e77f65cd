//! Similarity preserving: ‖rows(G_S) − rows(G_T)‖²_F / n², G = F Fᵀ over the batch, F a map flattened, rows scaled to
//! length 1. Tung and Mori 2019, "Similarity-preserving knowledge distillation".

use burn::tensor::{Device, Tensor};
use kd2m_ot::Options;

use super::{
    Criterion, CriterionError, Needs, Shapes, Term,
    stages::{Choice, Stages},
    unit::unit,
};
use crate::batch::Batch;

/// Cost O(n² · c · h · w). Choose it where maps differ in every size: only which samples look alike is compared.
pub struct Sp {
    stages: Stages,
}

impl Sp {
    /// Reads `stages`; the last common block when none is named.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn new(options: &Options) -> Result<Self, CriterionError> {
        Ok(Self { stages: Stages::parse(options, Choice::Last)? })
    }
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

    fn prepare(&mut self, shapes: &Shapes, _: &Device, _: u64) -> Result<(), CriterionError> {
        self.stages.prepare(shapes).map(|_| ())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let pairs = self.stages.maps(batch)?.into_iter();
        Term::sum(pairs.map(|[student, teacher]| (similarities(student) - similarities(teacher)).square().mean()))
    }
}
