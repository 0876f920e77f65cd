//! The loop that trains one network: a teacher by cross entropy, or a student by an objective against its teacher.
//! The outputs are leaves of the objective's tape; their gradients go back to the engine, which knows nothing of losses.

mod dominance;
mod epoch;
mod error;
mod resume;
mod validate;

use std::sync::Arc;

use kd2m_data::{Augment, Dataset, Mixture, training_batches};
use kd2m_nn::Weights;

use super::{
    checkpoint::Checkpoints,
    halt::Halt,
    observer::{Event, Observer},
    record::EpochRecord,
};
use crate::{Error, config::Config, engine::Engine, objective::Objective, teacher::Teacher};

/// What training one network needs.
pub struct Fit<'a> {
    pub config: &'a Config,
    pub dataset: &'a Arc<Dataset>,
    /// Samples of the training part to learn from.
    pub train: &'a [u32],
    /// How batches are mixed of these and of unlabelled samples, where there are such.
    pub mixture: Option<&'a Mixture>,
    /// Samples of the training part to validate on.
    pub val: &'a [u32],
    pub augment: Augment,
    pub epochs: usize,
    pub seed: u64,
    /// Arm, or `teacher`.
    pub arm: &'a str,
    pub engine: Box<dyn Engine>,
    /// Key of the classifier's weight, through which gradients of the logits are compared with those of the features.
    pub head: Option<String>,
    pub teacher: Option<&'a mut dyn Teacher>,
    pub objective: Objective,
    pub checkpoints: Checkpoints,
    /// Ends the training between two steps.
    pub halt: Halt,
}

/// A trained network.
pub struct Fitted {
    pub engine: Box<dyn Engine>,
    pub objective: Objective,
    /// Weights after the last epoch (their moving average when `train.ema` is on).
    pub last: Weights,
    /// Weights after the epoch with the best validation accuracy.
    pub best: Weights,
    pub best_epoch: usize,
    pub history: Vec<EpochRecord>,
}

impl Fit<'_> {
    /// Trains to the end, going on from a checkpoint where there is one.
    ///
    /// # Errors
    /// A loss that is no longer finite, or what engine, teacher, criterion or disk cannot do.
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<Fitted, Error> {
        let what = format!("{}, seed {}", self.arm, self.seed);
        let _at_work = self.halt.training();
        let mut state = self.restore(&what, observer)?;
        let done = state.partial.as_ref().map_or(0, |partial| partial.batches) * self.config.train.batch_size;
        let left = ((self.epochs - state.history.len()) * self.images()).saturating_sub(done);
        let history = &state.history;
        observer.event(&mut Event::Started { what: &what, epochs: self.epochs, images: left, history })?;
        while state.history.len() < self.epochs {
            let epoch = state.history.len();
            self.train_epoch(&mut state, observer)?;
            let network = self.engine.network_state()?;
            let weights = match state.average.is_empty() {
                true => network.clone(),
                false => state.average.clone(),
            };
            let found = match self.validate(&network, &weights, epoch + 1, observer) {
                Err(Error::Halted) => {
                    self.pause(&state)?;
                    return Err(Error::Halted);
                }
                found => found,
            };
            let (found, bounds) = found.map_err(|error| self.explain(error, epoch, &state))?;
            let partial = state.partial.take().unwrap_or_default();
            let record = EpochRecord {
                epoch: epoch + 1,
                lr: partial.lr,
                seconds: partial.seconds,
                images_per_second: self.images() as f64 / partial.seconds,
                teacher_cache: partial.recalled == partial.batches && partial.batches > 0,
                train: partial.tally.record(partial.seconds, self.objective.ce_weight),
                val: found.record,
                w2_to_teacher: found.w2_to_teacher,
                bounds,
            };
            let better = state.history.iter().all(|earlier| record.val.beats(&earlier.val));
            state.history.push(record);
            if better {
                (state.best, state.best_epoch) = (weights.clone(), epoch + 1);
            }
            state.last = weights;
            if let Some(text) = dominance::told(&what, &state.history, self.dataset.classes, &self.objective.given()) {
                observer.event(&mut Event::Warning(text))?;
            }
            if let history @ [.., record] = state.history.as_slice() {
                observer.event(&mut Event::Epoch { what: &what, record, history })?;
            }
            let due = if epoch + 1 == self.epochs { self.checkpoints.due_at_end() } else { self.checkpoints.due() };
            if self.halt.is_asked() || due {
                self.pause(&state)?;
            }
        }
        observer.event(&mut Event::Finished { what: &what })?;
        Ok(Fitted {
            engine: self.engine,
            objective: self.objective,
            last: state.last,
            best: state.best,
            best_epoch: state.best_epoch,
            history: state.history,
        })
    }

    /// Images of an epoch.
    fn images(&self) -> usize {
        self.mixture.map_or(self.train.len(), |mixture| mixture.batches * mixture.batch_size)
    }

    /// Batches of an epoch.
    fn batches(&self) -> usize {
        let size = self.config.train.batch_size;
        self.mixture.map_or_else(|| training_batches(self.train, size).len(), |mixture| mixture.batches)
    }
}
