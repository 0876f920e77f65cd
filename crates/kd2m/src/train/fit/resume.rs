//! What a killed or stopped training goes on from.

use super::{learning::Learning, views::Views};
use crate::{
    Error,
    batch::CopyError,
    engine::EngineError,
    train::{checkpoint::Saved, observer::Event},
};

impl Learning<'_> {
    /// Comes to where a checkpoint stands, engine and objective with it; the start where there is none.
    pub(super) fn restore(&mut self, views: &Views) -> Result<(), Error> {
        self.it.checkpoints.sweep()?;
        let course = views.course();
        let Some(saved) = self.it.checkpoints.load(&course)? else { return Ok(()) };
        if let Some(why) = &saved.passed_over {
            self.it.observer.event(&mut Event::Warning(format!("{why}: going on from the checkpoint before")))?;
        }
        // Its files are as they were written, so they are of another network.
        let unfit = |source| Error::Unfit { place: saved.place.clone(), source: Box::new(source) };
        self.put(&saved).map_err(unfit)?;
        self.state = saved.state;
        let (epoch, step) = self.place();
        if epoch < views.epochs {
            let line = format!("{}: resumed at epoch {}, step {step} of {}", self.what, epoch + 1, course.batches);
            self.it.observer.event(&mut Event::Note(line))?;
        }
        Ok(())
    }

    fn put(&mut self, saved: &Saved) -> Result<(), Error> {
        let (engine, objective) = (&mut self.it.engine, &mut self.it.objective);
        engine.load_network(&saved.network)?;
        engine.load_optimizer(&saved.optimizer)?;
        for (name, part) in objective.learned() {
            let (values, moments) = saved.learned_part(&name);
            part.load_values(&values).map_err(Error::RunFolder)?;
            part.load_optimizer(&moments).map_err(EngineError::from)?;
        }
        Ok(objective.load_state(&saved.memories)?)
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// The disk; a tensor that cannot be copied from its device.
    pub fn save(&mut self) -> Result<(), Error> {
        let (engine, objective) = (&self.it.engine, &mut self.it.objective);
        let learned =
            objective.learned().into_iter().map(|(name, part)| Ok((name, part.values()?, part.optimizer_state()?)));
        let learned = learned.collect::<Result<Vec<_>, CopyError>>()?;
        let (network, optimizer) = (engine.network_state()?, engine.optimizer_state()?);
        self.it.checkpoints.save(&self.state, network, optimizer, learned, objective.state()?)
    }
}
