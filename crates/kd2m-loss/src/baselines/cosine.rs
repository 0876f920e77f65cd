//! Mean over samples of 1 − cos(x, y) between the features, the student's through a learned projector where widths differ: the loss
//! that distils foundation models (Ranzinger et al. 2024, "AM-RADIO", for summary features).

use burn::tensor::{Device, Tensor};

use crate::{
    batch::Batch,
    criterion::{Criterion, Recipe, Term},
    entry::Entry,
    error::CriterionError,
    parameters::ParameterSet,
    projector::Projector,
    shapes::{Needs, Shapes},
    unit::unit,
};

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "cosine",
    aliases: &["cos"],
    formula: "mean over samples of 1 − cos(x, y) of the features",
    source: "Ranzinger et al. 2024, AM-RADIO",
    cost: "O(n·d)",
    when: "teachers of foundation models, whose features mean something by their direction alone; bounded, so easy to weigh",
    weight: 1.0,
    options: &[],
    build: |_| Ok(Box::new(CosineOptions)),
};

/// It has none.
#[derive(Debug, Clone, Copy)]
pub struct CosineOptions;

impl Recipe for CosineOptions {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let (student, teacher) = (shapes.student.features, shapes.teacher.features);
        let projector = (student != teacher).then(|| Projector::new(student, teacher, device, seed));
        Ok(Box::new(Cosine { projector }))
    }
}

/// Cost O(n · d). Choose it where only the direction of features means something.
struct Cosine {
    projector: Option<Projector>,
}

impl Criterion for Cosine {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let student = &batch.student.features;
        let student = self.project(student).unwrap_or_else(|| student.clone());
        let cosines = (unit(student, 1) * unit(batch.teacher.features.clone(), 1)).sum_dim(1);
        Ok(Term::new(1.0 - cosines.mean()))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        self.projector.as_mut().map(Projector::parameters)
    }

    fn project(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        self.projector.as_ref().map(|projector| projector.forward(features))
    }
}
