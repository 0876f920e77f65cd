//! Losses and features that are no longer finite: how a training ends with them.

use kd2m_ot::Side;

use super::learning::Learning;
use crate::{Error, objective::Evaluated};

/// What is named when distances meet features that are no longer finite.
pub(super) const STUDENT: &str = "a feature of the student";

impl Learning<'_> {
    pub(super) fn refuse_not_finite(&self, value: &Evaluated, epoch: usize, batch: usize) -> Result<(), Error> {
        let ce_counts = self.it.objective.ce_weight > 0.0;
        let suspects = value.terms.iter().map(|t| (t.name.as_str(), t.raw));
        let bad = suspects.chain(ce_counts.then_some(("ce", value.ce))).find(|(_, v)| !v.is_finite());
        match bad {
            None => Ok(()),
            Some((term, number)) => Err(self.not_finite(term, number, epoch, batch)),
        }
    }

    /// An error of validation after `epoch` of so many batches, in the words of training where it is the student's.
    pub(super) fn explain(&self, error: Error, epoch: usize, batches: usize) -> Error {
        match unusable_student_value(&error) {
            Some(value) => self.not_finite(STUDENT, value, epoch, batches - 1),
            None => error,
        }
    }

    pub(super) fn not_finite(&self, term: &str, value: f64, epoch: usize, batch: usize) -> Error {
        Error::NotFinite {
            term: term.to_owned(),
            value,
            epoch: epoch + 1,
            batch: batch + 1,
            arm: self.it.name.to_owned(),
            seed: self.seed,
            checkpoint: match self.save_last_good() {
                Some(path) => format!("the state after epoch {} is in {path}", self.state.history.len()),
                None => "no epoch was finished before".to_owned(),
            },
        }
    }

    /// The weights after the last whole epoch, written so that the run is not lost.
    fn save_last_good(&self) -> Option<String> {
        if self.state.history.is_empty() {
            return None;
        }
        self.it.checkpoints.last_good(&self.state.last).ok()
    }
}

/// [`CriterionError::unusable_student_value`] of an error that may also come from the distance to the teacher.
fn unusable_student_value(error: &Error) -> Option<f64> {
    match error {
        Error::Distance(error) => error.unusable_value(Side::A),
        Error::Criterion(error) => error.unusable_student_value(),
        _ => None,
    }
}
