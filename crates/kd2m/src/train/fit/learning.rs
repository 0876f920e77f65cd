//! One network at work: where it stands, and what it does after each epoch.

use super::{
    dominance,
    learner::{Asked, Fitted, Learner, Place},
    views::Views,
};
use crate::{
    Error,
    config::Decay,
    engine::Decayed,
    train::{
        checkpoint::{Checkpoints, State},
        observer::Event,
        record::EpochRecord,
    },
};

/// A network and how far it is.
pub struct Learning<'a> {
    pub(super) it: Learner<'a>,
    pub(super) state: State,
    /// For people.
    pub(super) what: String,
    pub(super) seed: u64,
}

impl<'a> Learning<'a> {
    /// Goes on from a checkpoint where there is one.
    ///
    /// # Errors
    /// Checkpoints that cannot be used; the observer's.
    pub fn begin(learner: Learner<'a>, views: &Views) -> Result<Self, Error> {
        let what = format!("{}, seed {}", learner.name, views.seed);
        let mut new = Self { it: learner, state: State::default(), what, seed: views.seed };
        if new.it.config.optim.decay == Decay::Weights {
            new.it.engine.decay(Decayed::Weights);
            // What criteria learn are linear layers.
            let learned = new.it.objective.learned().into_iter();
            learned.for_each(|(_, part)| part.decay_only(|_, shape| shape.len() > 1));
        }
        new.restore(views)?;
        let (epochs, (epoch, batch)) = (views.epochs, new.place());
        let left = ((epochs - epoch) * views.images()).saturating_sub(batch * views.batch_size);
        let started = Event::Started { what: &new.what, epochs, images: left, history: &new.state.history };
        new.it.observer.event(&mut { started })?;
        Ok(new)
    }

    /// What it is to be shown next.
    pub fn place(&self) -> Place {
        (self.state.history.len(), self.state.partial.as_ref().map_or(0, |partial| partial.batches))
    }

    pub fn name(&self) -> &str {
        self.it.name
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    pub fn checkpoints(&self) -> &Checkpoints {
        &self.it.checkpoints
    }

    /// Whether it is time for a checkpoint after an epoch.
    pub fn is_due(&self, views: &Views) -> bool {
        let last = self.state.history.len() == views.epochs;
        if last { self.it.checkpoints.due_at_end() } else { self.it.checkpoints.due() }
    }

    /// That it is out while others go on. Who hears of it no longer matters to it.
    pub fn tell_failed(&mut self, why: &Error) {
        let _ = self.it.observer.event(&mut Event::Note(format!("{}: {why}; the others go on", self.what)));
    }

    /// Validates it after its last batch of an epoch and tells what came out.
    ///
    /// # Errors
    /// [`Error::Halted`] where validation was ended: it is as it was before. What engine, teacher, criteria or observers cannot do.
    pub fn end_epoch(&mut self, views: &Views, teacher: &mut Asked) -> Result<(), Error> {
        let epoch = self.state.history.len();
        let network = self.it.engine.network_state()?;
        let weights = match self.state.average.is_empty() {
            true => network.clone(),
            false => self.state.average.clone(),
        };
        let found = match self.validate(views, teacher, &network, &weights, epoch + 1) {
            Err(Error::Halted) => return Err(Error::Halted),
            found => found.map_err(|error| self.explain(error, epoch, views.batches()))?,
        };
        let (found, bounds) = found;
        let partial = self.state.partial.take().unwrap_or_default();
        let record = EpochRecord {
            epoch: epoch + 1,
            lr: partial.lr,
            seconds: partial.seconds,
            images_per_second: views.images() as f64 / partial.seconds,
            teacher_cache: partial.recalled == partial.batches && partial.batches > 0,
            train: partial.tally.record(partial.seconds, self.it.objective.ce_weight),
            val: found.record,
            w2_to_teacher: found.w2_to_teacher,
            bounds,
        };
        let state = &mut self.state;
        // Of unlabelled images every answer is right.
        let beats = |earlier: &EpochRecord| match views.dataset.classes {
            1 => record.val.loss < earlier.val.loss,
            _ => record.val.beats(&earlier.val),
        };
        let better = state.history.iter().all(beats);
        state.history.push(record);
        if better {
            (state.best, state.best_epoch) = (weights.clone(), epoch + 1);
        }
        state.last = weights;
        let (what, history, observer) = (self.what.as_str(), &state.history, &mut self.it.observer);
        if let Some(text) = dominance::told(what, history, views.dataset.classes, &self.it.objective.given()) {
            observer.event(&mut Event::Warning(text))?;
        }
        if let [.., record] = history.as_slice() {
            observer.event(&mut Event::Epoch { what, record, history })?;
        }
        Ok(())
    }

    /// After the last epoch.
    ///
    /// # Errors
    /// The observer's.
    pub fn finish(mut self) -> Result<Fitted<'a>, Error> {
        self.it.observer.event(&mut Event::Finished { what: &self.what })?;
        let Self { it: Learner { engine, objective, observer, .. }, state, .. } = self;
        let State { last, best, best_epoch, history, .. } = state;
        Ok(Fitted { engine, objective, observer, last, best, best_epoch, history })
    }
}
