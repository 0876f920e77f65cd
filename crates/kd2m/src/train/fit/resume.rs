//! What a killed or stopped training goes on from.

use super::Fit;
use crate::{
    Error,
    batch::CopyError,
    engine::EngineError,
    train::{
        checkpoint::{Course, Saved, State},
        observer::{Event, Observer},
    },
};

impl Fit<'_> {
    /// Where a checkpoint stands, the engine and the objective with it; the start where there is none.
    pub(super) fn restore(&mut self, what: &str, observer: &mut dyn Observer) -> Result<State, Error> {
        self.checkpoints.sweep()?;
        let course = Course { epochs: self.epochs, batches: self.batches(), accumulate: self.config.train.accumulate };
        let Some(saved) = self.checkpoints.load(&course)? else { return Ok(State::default()) };
        if let Some(why) = &saved.passed_over {
            observer.event(&mut Event::Warning(format!("{why}: going on from the checkpoint before")))?;
        }
        // Its files are as they were written, so they are of another network.
        let unfit = |source| Error::Unfit { place: saved.place.clone(), source: Box::new(source) };
        self.put(&saved).map_err(unfit)?;
        let state = saved.state;
        let (epoch, step) = (state.history.len() + 1, state.partial.as_ref().map_or(0, |partial| partial.batches));
        if epoch <= self.epochs {
            let line = format!("{what}: resumed at epoch {epoch}, step {step} of {}", course.batches);
            observer.event(&mut Event::Note(line))?;
        }
        Ok(state)
    }

    fn put(&mut self, saved: &Saved) -> Result<(), Error> {
        self.engine.load_network(&saved.network)?;
        self.engine.load_optimizer(&saved.optimizer)?;
        for (name, part) in self.objective.learned() {
            let (values, moments) = saved.learned_part(&name);
            part.load_values(&values).map_err(Error::RunFolder)?;
            part.load_optimizer(&moments).map_err(EngineError::from)?;
        }
        Ok(self.objective.load_state(&saved.memories)?)
    }

    /// Writes a checkpoint, and ends the training where it is to stop.
    pub(super) fn pause(&mut self, state: &State) -> Result<(), Error> {
        self.save(state)?;
        if self.halt.is_asked() { Err(self.stopped(state)) } else { Ok(()) }
    }

    fn stopped(&self, state: &State) -> Error {
        let (done, partial) = (state.history.len(), state.partial.as_ref());
        // Between two epochs it is the end of the one before.
        let (epoch, step) = partial.map_or((done, self.batches()), |partial| (done + 1, partial.batches));
        Error::Stopped { what: format!("{}, seed {}", self.arm, self.seed), epoch, step, steps: self.batches() }
    }

    fn save(&mut self, state: &State) -> Result<(), Error> {
        let learned = self
            .objective
            .learned()
            .into_iter()
            .map(|(name, part)| Ok((name, part.values()?, part.optimizer_state()?)));
        let learned = learned.collect::<Result<Vec<_>, CopyError>>()?;
        let (network, optimizer) = (self.engine.network_state()?, self.engine.optimizer_state()?);
        self.checkpoints.save(state, network, optimizer, learned, self.objective.state()?)
    }
}
