//! A worker: takes the next unit that is ready and unclaimed with what is done side by side with it, does them, gives them back. What
//! failed is noted and the rest goes on; what another process does is waited for.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::{
    heard::Heard,
    plan::{Stage, Task},
    progress::{Listener, Progress},
    results,
    status::{Next, Status},
};
use crate::{
    Config, Error,
    config::ArmConfig,
    train::{
        Event, Observer, Run, RunOptions, Silent,
        about::About,
        folder::{Existing, RunFolder},
        inputs,
        setup::Setup,
        summary::StudentSummary,
        together,
    },
};

/// How often other processes' progress is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// One of several workers with the data of the cell that it was last in.
pub(super) struct Worker<'a, 'b> {
    pub status: &'b Status<'a>,
    pub options: RunOptions,
    /// How many there are.
    pub workers: usize,
    pub listen: Listener<'b>,
    pub place: Option<Place>,
}

/// A cell's data, and how many arms of it are trained side by side.
#[derive(Clone)]
pub(super) struct Place {
    cell: usize,
    setup: Arc<Setup>,
    at_once: usize,
}

impl Worker<'_, '_> {
    pub fn work(mut self) -> Result<(), Error> {
        let mut told = false;
        loop {
            if self.options.halt.is_asked() {
                return Err(Error::Halted);
            }
            match self.status.next(self.listen)? {
                Next::End => return Ok(()),
                Next::Wait => {
                    let state = self.status.lock();
                    if state.here.is_empty() && !std::mem::replace(&mut told, true) {
                        (self.listen)(Progress::Waiting);
                    }
                    drop(self.status.changed.wait_timeout(state, LOOK));
                }
                Next::Unit(unit) => {
                    let units = self.with_company(unit)?;
                    self.finish(&units)?;
                }
            }
        }
    }

    /// A claimed unit, and those that are done side by side with it.
    fn with_company(&mut self, unit: usize) -> Result<Vec<usize>, Error> {
        let Some((cell, ..)) = self.status.plan.seed_of(unit) else { return Ok(vec![unit]) };
        // What stands in the way of the data will be said of the unit.
        let most = self.place(cell).map_or(1, |place| place.at_once);
        self.status.beside(unit, most, self.workers, self.listen)
    }

    /// Does units and notes how each ended.
    fn finish(&mut self, units: &[usize]) -> Result<(), Error> {
        for unit in units {
            (self.listen)(Progress::Started { unit: &self.status.plan.units[*unit].id });
        }
        let ends = match catch_unwind(AssertUnwindSafe(|| self.perform(units))) {
            Ok(Ok(ends)) => ends,
            Ok(Err(stopped @ (Error::Stopped { .. } | Error::Halted))) => {
                units.iter().for_each(|unit| self.status.give_back(*unit));
                return Err(stopped);
            }
            Ok(Err(why)) => vec![Err(why.to_string()); units.len()],
            Err(panic) => {
                self.place = None;
                if units.len() > 1 {
                    self.status.part(units);
                    return Ok(());
                }
                vec![Err(format!("the program broke: {}", said(&*panic)))]
            }
        };
        for (unit, end) in units.iter().zip(ends) {
            self.status.finish(*unit, end, self.listen);
        }
        Ok(())
    }

    /// Does a teacher, or students of one seed, and says what came out of each.
    ///
    /// # Errors
    /// What ends all of them.
    fn perform(&mut self, units: &[usize]) -> Result<Vec<Result<String, String>>, Error> {
        let (plan, listen) = (self.status.plan, self.listen);
        let heard = |unit: &usize| Heard::new(listen, &plan.units[*unit].id);
        let mut heard: Vec<Heard> = units.iter().map(heard).collect();
        let (Some(unit), Some(first)) = (units.first(), heard.first_mut()) else { return Ok(Vec::new()) };
        let (cell, stage, seed) = match plan.units[*unit].task {
            Task::Teacher { cell } => return Ok(vec![Ok(self.teacher(cell, first)?)]),
            Task::Student { cell, stage, seed, .. } => (cell, stage, seed),
        };
        let (config, arms) = self.arms(cell, stage, units)?;
        let at = &self.status.grid.cells[cell];
        let ends = self.students(cell, stage, &config, &arms, seed, &mut heard)?;
        // Told to stop behind its training, it is gone on with from there.
        if ends.iter().any(|end| matches!(end, Err(Error::Halted))) {
            return Err(Error::Halted);
        }
        let said = |(arm, end): (&ArmConfig, Result<StudentSummary, Error>)| match end {
            Err(why @ Error::NotFinite { .. }) if stage == Stage::Select => {
                let noted = self.status.store.diverged(at, arm, seed, &why.to_string());
                noted.map(|()| "diverged".to_owned()).map_err(|why| why.to_string())
            }
            Err(why) => Err(why.to_string()),
            Ok(summary) if stage == Stage::Select => Ok(format!("{:.2} % on validation", summary.val_accuracy)),
            Ok(summary) => Ok(format!("{:.2} % on test", summary.test_accuracy)),
        };
        Ok(arms.iter().zip(ends).map(said).collect())
    }

    /// The arms of units of one cell and stage, and the configuration that they are of.
    fn arms(&self, cell: usize, stage: Stage, units: &[usize]) -> Result<(Config, Vec<ArmConfig>), Error> {
        let at = &self.status.grid.cells[cell];
        let meant = units.iter().filter_map(|unit| match self.status.plan.units[*unit].task {
            Task::Student { arm, candidate, .. } => Some((arm, candidate)),
            Task::Teacher { .. } => None,
        });
        if let (Stage::Select, Some(select)) = (stage, &self.status.grid.select) {
            let of = |(arm, candidate): (usize, usize)| at.trials[arm][candidate].arm.clone();
            return Ok((results::candidates(select, at), meant.map(of).collect()));
        }
        let config = self.status.reported(cell, &mut self.status.lock())?;
        let config = config.map_or_else(|| at.config.clone(), |config| (*config).clone());
        let chosen = |(arm, _): (usize, usize)| {
            let written = &at.config.arms[arm];
            config.arms.iter().find(|arm| arm.name == written.name).unwrap_or(written).clone()
        };
        let arms = meant.map(chosen).collect();
        Ok((config, arms))
    }

    /// Says in a run folder, once, when and by what it was begun.
    fn note_beginning(&self, folder: &RunFolder) -> Result<(), Error> {
        About::now(&self.options.device.to_string(), self.options.threads).keep(folder)
    }

    fn place(&mut self, cell: usize) -> Result<Place, Error> {
        if let Some(place) = self.place.as_ref().filter(|place| place.cell == cell) {
            return Ok(place.clone());
        }
        // Two data sets at once may not fit.
        self.place = None;
        let config = &self.status.grid.cells[cell].config;
        let setup = Arc::new(Setup::new(config, self.options.device, self.options.threads)?);
        let at_once = together::at_once(config, &setup, &self.options, self.workers)?;
        Ok(self.place.insert(Place { cell, setup, at_once }).clone())
    }

    fn teacher(&mut self, cell: usize, heard: &mut Heard) -> Result<String, Error> {
        let Place { setup, .. } = self.place(cell)?;
        let at = &self.status.grid.cells[cell];
        let mut config = at.config.clone();
        config.name = format!("teacher-{}", at.teacher);
        config.arms.clear();
        config.train.seeds = vec![config.teacher.seed];
        let place = self.status.store.teacher_place(at);
        let folder = RunFolder::open(&place).or_else(|_| RunFolder::create(&place, &config, Existing::Resume))?;
        self.note_beginning(&folder)?;
        inputs::settle(&folder, &config, &setup, heard)?;
        let run = Run { config: &config, setup: &setup, folder: &folder, options: &self.options };
        let (_, teacher) = run.teacher(heard)?;
        run.refuse_weak(&teacher, &mut Silent)?;
        if let Some(other) = self.status.store.other_teacher(at) {
            heard.event(&mut Event::Note(format!(
                "{}: the teacher trained here has {:.2} % on test, that of the reused runs {:.2} %: arms of both stand in one table",
                at.name, teacher.test_accuracy, other.test_accuracy
            )))?;
        }
        Ok(format!("{:.2} % on test", teacher.test_accuracy))
    }

    fn students(
        &mut self,
        cell: usize,
        stage: Stage,
        config: &Config,
        arms: &[ArmConfig],
        seed: u64,
        heard: &mut [Heard],
    ) -> Result<Vec<Result<StudentSummary, Error>>, Error> {
        let Place { setup, .. } = self.place(cell)?;
        let (store, at) = (self.status.store, &self.status.grid.cells[cell]);
        let folder = store.run_folder(stage, at, config)?;
        self.note_beginning(&folder)?;
        if let [first, ..] = heard {
            inputs::settle(&folder, config, &setup, first)?;
        }
        arms.iter().try_for_each(|arm| store.note_arm(stage, at, arm, seed))?;
        let options = RunOptions { teacher_cache: Some(store.teacher_cache(at)), ..self.options.clone() };
        let run = Run { config, setup: &setup, folder: &folder, options: &options };
        let (weights, teacher) = run.teacher(&mut Silent)?;
        run.refuse_weak(&teacher, &mut Silent)?;
        let each = arms.iter().zip(heard.iter_mut().map(|heard| heard as &mut dyn Observer));
        run.students(each.collect(), seed, &weights)
    }
}

/// What a panic says.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
