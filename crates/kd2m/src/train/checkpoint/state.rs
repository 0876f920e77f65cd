//! Where training stands, beside the engine's own state.

use kd2m_nn::Weights;
use serde::{Deserialize, Serialize};

use crate::train::{evaluate::Tally, record::EpochRecord};

/// Where training stands.
#[derive(Debug, Default)]
pub struct State {
    /// One record an epoch, from the first on.
    pub history: Vec<EpochRecord>,
    /// Optimizer steps so far.
    pub steps: usize,
    /// The epoch that was best on validation, from 1; 0 before the first.
    pub best_epoch: usize,
    /// The epoch under way, once a step of it is done.
    pub partial: Option<Partial>,
    /// The weights of the best epoch.
    pub best: Weights,
    /// What would have been saved as the student after the last whole epoch.
    pub last: Weights,
    /// Moving average of the weights; empty without one.
    pub average: Weights,
}

/// An epoch that is not over: its order and its draws are functions of seed, epoch and place, so this is all that it goes on from.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    /// Batches that are done, up to the last step.
    pub batches: usize,
    /// Learning rate of that step.
    pub lr: f64,
    /// Wall time so far.
    pub seconds: f64,
    /// Batches whose teacher's outputs came from the cache.
    pub recalled: usize,
    pub(crate) tally: Tally,
}

/// How long training is: what a state must fit.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// In all.
    pub epochs: usize,
    /// Of an epoch.
    pub batches: usize,
    /// Batches of a step.
    pub accumulate: usize,
}

impl Course {
    fn steps(&self, batches: usize) -> usize {
        batches.div_ceil(self.accumulate.max(1))
    }
}

/// The file of these numbers.
pub(super) const STATE: &str = "state.json";

/// How state files are written now; those of format 1 have no checksums beside them and begin with an epoch.
pub(super) const FORMAT: u32 = 2;

/// The numbers of a [`State`], as JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Progress {
    #[serde(default = "first_format")]
    pub format: u32,
    pub history: Vec<EpochRecord>,
    pub steps: usize,
    pub best_epoch: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
}

fn first_format() -> u32 {
    1
}

impl Progress {
    pub fn of(state: &State) -> Self {
        Self {
            format: FORMAT,
            history: state.history.clone(),
            steps: state.steps,
            best_epoch: state.best_epoch,
            partial: state.partial.clone(),
        }
    }

    /// Whether these numbers can be those of a training of this length; else why not.
    pub fn check(&self, course: &Course) -> Result<(), String> {
        let (done, best) = (self.history.len(), self.best_epoch);
        let batches = self.partial.as_ref().map(|partial| partial.batches);
        let steps = done * course.steps(course.batches) + course.steps(batches.unwrap_or(0));
        let numbered = self.history.iter().map(|record| record.epoch).eq(1..=done);
        let wrong = match () {
            () if self.format > FORMAT => {
                format!("is of format {}, this kd2m knows those up to {FORMAT}", self.format)
            }
            () if done > course.epochs => format!("has {done} epochs of {}", course.epochs),
            () if !numbered => "does not count its epochs from 1".to_owned(),
            () if best > done || (best == 0) != (done == 0) => format!("has its best epoch at {best} of {done}"),
            () if batches.is_some_and(|n| !(1..=course.batches).contains(&n) || done == course.epochs) => {
                format!("stands at batch {} of {}", batches.unwrap_or(0), course.batches)
            }
            () if self.steps != steps => format!("counts {} steps where {steps} are done", self.steps),
            () => return Ok(()),
        };
        Err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::record::SplitRecord;

    fn record(epoch: usize) -> EpochRecord {
        EpochRecord {
            epoch,
            lr: 0.1,
            seconds: 1.0,
            images_per_second: 10.0,
            teacher_cache: false,
            train: SplitRecord::default(),
            val: SplitRecord::default(),
            w2_to_teacher: None,
            bounds: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn numbers_that_no_training_reaches_are_refused() {
        let course = Course { epochs: 3, batches: 5, accumulate: 2 };
        let state = |epochs: &[usize], steps, best_epoch, partial: Option<usize>| {
            let history = epochs.iter().map(|epoch| record(*epoch)).collect();
            let partial = partial.map(|batches| Partial { batches, ..Partial::default() });
            Progress { format: FORMAT, history, steps, best_epoch, partial }.check(&course)
        };
        for (epochs, steps, best, partial) in [
            (&[][..], 0, 0, None),
            (&[1, 2], 6, 1, None),
            (&[1], 5, 1, Some(4)),
            (&[1], 6, 1, Some(5)),
            (&[1, 2, 3], 9, 3, None),
        ] {
            assert_eq!(state(epochs, steps, best, partial), Ok(()), "{epochs:?}");
        }
        for (epochs, steps, best, partial, words) in [
            (&[1, 2, 3, 4][..], 12, 1, None, "has 4 epochs of 3"),
            (&[1, 1], 6, 1, None, "does not count"),
            (&[1, 2], 6, 0, None, "best epoch at 0 of 2"),
            (&[1, 2], 6, 3, None, "best epoch at 3 of 2"),
            (&[], 0, 1, None, "best epoch at 1 of 0"),
            (&[1], 6, 1, Some(6), "batch 6 of 5"),
            (&[1, 2, 3], 10, 1, Some(1), "batch 1 of 5"),
            (&[1], 4, 1, None, "counts 4 steps where 3 are done"),
        ] {
            let why = state(epochs, steps, best, partial).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
        let newer = Progress { format: FORMAT + 1, ..Progress::of(&State::default()) };
        assert!(newer.check(&course).unwrap_err().contains("is of format 3"));
    }
}
