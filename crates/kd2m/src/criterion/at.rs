//! Attention transfer: Σ over stages of mean((Q_S − Q_T)²), Q = unit vector of the mean over channels of F², one entry
//! a position. Zagoruyko and Komodakis 2017, "Paying more attention to attention"; the form of the authors' code, whose
//! weight is 1000.

use burn::tensor::{Device, Tensor};
use kd2m_ot::Options;

use super::{
    Criterion, CriterionError, Needs, Shapes, Term,
    stages::{Choice, Stages},
    unit::{positions, unit},
};
use crate::batch::Batch;

/// Cost O(n · c · h · w). Choose it where networks differ in channels but look at images in like steps: it needs no
/// learned part.
pub struct At {
    stages: Stages,
}

impl At {
    /// Reads `stages`; all common blocks when none is named.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn new(options: &Options) -> Result<Self, CriterionError> {
        Ok(Self { stages: Stages::parse(options, Choice::All)? })
    }
}

/// Where a map is large `[n, 1, h · w]`.
fn attention(map: Tensor<4>) -> Tensor<3> {
    unit(positions(map).square().mean_dim(1), 2)
}

impl Criterion for At {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn prepare(&mut self, shapes: &Shapes, _: &Device, _: u64) -> Result<(), CriterionError> {
        self.stages.prepare(shapes).map(|_| ())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let pairs = self.stages.pooled(batch)?.into_iter();
        Term::sum(pairs.map(|[student, teacher]| (attention(student) - attention(teacher)).square().mean()))
    }
}
