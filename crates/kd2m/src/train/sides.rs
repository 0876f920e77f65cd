//! The two sides of a batch: what the student says and what it is compared with, once for all samples and once for the labelled ones.

use crate::{
    batch::{Batch, Outputs},
    criterion::CriterionError,
    objective::{Evaluated, Objective},
    teacher::Answer,
};

/// A student's outputs, the labelled ones first, beside its teacher's.
pub struct Sides<'a> {
    student: &'a Outputs,
    teacher: Answer,
    /// Classes of the first samples.
    labels: &'a [u32],
    /// The first samples of both sides, where not all have a class.
    first: Option<[Outputs; 2]>,
}

impl<'a> Sides<'a> {
    /// Of samples whose first ones have these classes.
    pub fn new(student: &'a Outputs, teacher: Answer, labels: &'a [u32]) -> Self {
        let (n, k) = (student.logits.dims()[0], labels.len());
        let first = (k < n).then(|| [student, &teacher.all].map(|side| side.first(k)));
        Self { student, teacher, labels, first }
    }

    /// The objective's value; `about` says which batch of which epoch this is.
    ///
    /// # Errors
    /// A criterion that is not defined on the batch.
    pub fn evaluate(&self, objective: &mut Objective, about: Batch, epoch: f64) -> Result<Evaluated, CriterionError> {
        let (student, teacher) = (self.student, &self.teacher.all);
        let labels = if self.first.is_none() { self.labels } else { &[] };
        let all = Batch { student, teacher, labels, ..about };
        let [first_student, first_teacher] = match &self.first {
            Some([student, teacher]) => [student, teacher],
            None => [student, teacher],
        };
        let indices = about.indices.get(..self.labels.len()).unwrap_or_default();
        let labelled = Batch { student: first_student, teacher: first_teacher, labels: self.labels, indices, ..about };
        let labelled = match &self.teacher.labelled {
            Some((alike, classes)) => Batch { teacher: alike, teacher_labels: Some(classes), ..labelled },
            None => labelled,
        };
        objective.evaluate_mixed(&all, &labelled, epoch)
    }

    /// What all samples were compared with.
    pub fn teacher(&self) -> &Outputs {
        &self.teacher.all
    }
}
