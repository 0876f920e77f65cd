//! Workers: each takes the next unit that is ready and unclaimed, does it, gives it back. What failed is noted and the rest goes
//! on; what another process does is waited for. [`status`](super::status) knows what comes next.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    thread,
    time::Duration,
};

use serde::Serialize;

use super::{
    finish::{complete, write_tables},
    grid::Grid,
    litter,
    options::BenchOptions,
    plan::{Plan, Stage, Task},
    progress::{Listener, Progress},
    results::{self, CellResults},
    select::Select,
    status::{Next, Status},
    store::Store,
};
use crate::{
    Config, Error,
    claim::Claims,
    config::ArmConfig,
    device::DeviceChoice,
    train::{
        Event, Observer, Run, RunOptions, Silent,
        distill::{check_arms, check_weights},
        folder::{Existing, RunFolder},
        inputs,
        setup::Setup,
        summary::StudentSummary,
    },
};

/// How often other processes' progress is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// A worker's stack: backward passes recurse through the tape.
const STACK: usize = 32 << 20;

/// How a grid ended.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The grid's name.
    pub name: String,
    /// What was found, in the grid's order.
    pub cells: Vec<CellResults>,
    /// Units that failed here, with why.
    pub failed: BTreeMap<String, String>,
    /// Runs without a result: failed here, or left to other shards.
    pub missing: usize,
}

/// Runs a grid, or one shard of it, and writes the tables.
///
/// # Errors
/// A folder that holds something else, criteria that do not fit the networks, or a disk that fails; a run that fails is no error.
pub fn run(grid: &Grid, options: &BenchOptions, listen: Listener) -> Result<Outcome, Error> {
    let store = Store::open(&options.out, &options.reuse)?;
    let plan = Plan::new(grid);
    results::check(grid, &store)?;
    let claims = Claims::open(&options.out.join("claims"))?;
    litter::remove(&options.out, &claims)?;
    let (jobs, threads) = options.parallel(grid);
    let mut status = Status::new(grid, &plan, &store, &claims, options.shard)?;
    if options.tables_only {
        status.needed.clear();
    }
    listen(Progress::Planned { ahead: status.needed.len(), of: plan.units.len(), jobs, threads });
    check_criteria(&status, options.device, listen)?;
    let ran = thread::scope(|scope| {
        scope.spawn(|| claims.beat());
        let work = || Worker { status: &status, options: options.run_options(threads), setup: None, listen }.work();
        let spawn = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let workers: Vec<_> = (0..jobs.min(status.needed.len())).map(spawn).collect();
        let ends: Vec<Result<(), Error>> = workers
            .into_iter()
            .map(|worker| match worker.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(end)) => end,
                Ok(Err(panic)) => Err(Error::Worker { why: said(&*panic) }),
                Err(source) => Err(Error::Thread { source }),
            })
            .collect();
        claims.stop();
        ends.into_iter().collect::<Result<(), Error>>()
    });
    ran?;
    let state = status.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let alone = claims.tables()?;
    complete(grid, &store, options, &state, listen)?;
    let cells = results::collect(grid, &store);
    write_tables(grid, &store, &cells)?;
    drop(alone);
    let missing = cells.iter().flat_map(|c| &c.arms).map(|a| a.missing.len()).sum();
    let failed = state.failed.into_iter().map(|(unit, why)| (plan.units[unit].id.clone(), why)).collect();
    Ok(Outcome { name: grid.name.clone(), cells, failed, missing })
}

/// Every cell that has work: its criteria must fit its networks, and weights that it names be there, before hours are spent.
fn check_criteria(status: &Status, device: DeviceChoice, listen: Listener) -> Result<(), Error> {
    let cell_of = |unit: &usize| match status.plan.units[*unit].task {
        Task::Teacher { cell } | Task::Student { cell, .. } => cell,
    };
    let cells: BTreeSet<usize> = status.needed.iter().map(cell_of).collect();
    let mut told = Once { listen, told: HashSet::new() };
    for cell in cells {
        let config = &status.grid.cells[cell].config;
        let setup = Setup::new(config, device, 1)?;
        check_weights(config, &setup, &mut told)?;
        check_arms(config, &setup, &config.arms)?;
    }
    Ok(())
}

/// One worker with the data of the cell that it was last in.
struct Worker<'a, 'b> {
    status: &'b Status<'a>,
    options: RunOptions,
    setup: Option<(usize, Arc<Setup>)>,
    listen: Listener<'b>,
}

impl Worker<'_, '_> {
    fn work(mut self) -> Result<(), Error> {
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
                    (self.listen)(Progress::Started { unit: &self.status.plan.units[unit].id });
                    let end = match catch_unwind(AssertUnwindSafe(|| self.perform(unit))) {
                        Ok(Err(stopped @ (Error::Stopped { .. } | Error::Halted))) => {
                            self.status.give_back(unit);
                            return Err(stopped);
                        }
                        Ok(end) => end.map_err(|e| e.to_string()),
                        Err(panic) => {
                            self.setup = None;
                            Err(format!("the program broke: {}", said(&*panic)))
                        }
                    };
                    self.status.finish(unit, end, self.listen);
                }
            }
        }
    }

    /// Does a unit and says what came out.
    fn perform(&mut self, unit: usize) -> Result<String, Error> {
        let mut heard = Heard { listen: self.listen, unit: &self.status.plan.units[unit].id, epochs: 0 };
        match &self.status.plan.units[unit].task {
            Task::Teacher { cell } => self.teacher(*cell, &mut heard),
            Task::Student { cell, arm, stage, candidate, seed } => {
                let at = &self.status.grid.cells[*cell];
                let (config, arm) = match (stage, &self.status.grid.select) {
                    (Stage::Select, Some(select)) => candidate_of(select, &at.config, *arm, *candidate),
                    _ => {
                        let config = self.status.reported(*cell, &mut self.status.lock())?;
                        let config = config.map_or_else(|| at.config.clone(), |c| (*c).clone());
                        let name = &at.config.arms[*arm].name;
                        let arm = config.arms.iter().find(|a| a.name == *name).unwrap_or(&at.config.arms[*arm]).clone();
                        (config, arm)
                    }
                };
                let trained = self.student(*cell, *stage, &config, &arm, *seed, &mut heard);
                match trained {
                    Err(why @ Error::NotFinite { .. }) if *stage == Stage::Select => {
                        self.status.store.diverged(at, &arm, *seed, &why.to_string())?;
                        Ok("diverged".to_owned())
                    }
                    Err(e) => Err(e),
                    Ok(summary) if *stage == Stage::Select => {
                        Ok(format!("{:.2} % on validation", summary.val_accuracy))
                    }
                    Ok(summary) => Ok(format!("{:.2} % on test", summary.test_accuracy)),
                }
            }
        }
    }

    fn setup(&mut self, cell: usize) -> Result<Arc<Setup>, Error> {
        if let Some((_, setup)) = self.setup.as_ref().filter(|(at, _)| *at == cell) {
            return Ok(setup.clone());
        }
        // Two data sets at once may not fit.
        self.setup = None;
        let config = &self.status.grid.cells[cell].config;
        let setup = Arc::new(Setup::new(config, self.options.device, self.options.threads)?);
        self.setup = Some((cell, setup.clone()));
        Ok(setup)
    }

    fn teacher(&mut self, cell: usize, heard: &mut Heard) -> Result<String, Error> {
        let setup = self.setup(cell)?;
        let at = &self.status.grid.cells[cell];
        let mut config = at.config.clone();
        config.name = format!("teacher-{}", at.teacher);
        config.arms.clear();
        config.train.seeds = vec![config.teacher.seed];
        let place = self.status.store.teacher_place(at);
        let folder = RunFolder::open(&place).or_else(|_| RunFolder::create(&place, &config, Existing::Resume))?;
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

    fn student(
        &mut self,
        cell: usize,
        stage: Stage,
        config: &Config,
        arm: &ArmConfig,
        seed: u64,
        heard: &mut Heard,
    ) -> Result<StudentSummary, Error> {
        let setup = self.setup(cell)?;
        let folder = self.status.store.run_folder(stage, &self.status.grid.cells[cell], config)?;
        inputs::settle(&folder, config, &setup, heard)?;
        self.status.store.note_arm(stage, &self.status.grid.cells[cell], arm, seed)?;
        // All cells of one teacher share what is known of it.
        let shared = self.status.store.teacher_place(&self.status.grid.cells[cell]).join("teacher").join("cache");
        let options = RunOptions { teacher_cache: Some(shared), ..self.options.clone() };
        let run = Run { config, setup: &setup, folder: &folder, options: &options };
        let (weights, teacher) = run.teacher(&mut Silent)?;
        run.refuse_weak(&teacher, &mut Silent)?;
        run.student(arm, seed, &weights, heard)
    }
}

/// Passes on what a person should know of given weights, once for all cells that share them.
struct Once<'a> {
    listen: Listener<'a>,
    told: HashSet<String>,
}

impl Observer for Once<'_> {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Notice(text) if self.told.insert(text.clone()) => (self.listen)(Progress::Notice(text.clone())),
            Event::Warning(text) if self.told.insert(text.clone()) => (self.listen)(Progress::Warning(text.clone())),
            _ => {}
        }
        Ok(())
    }
}

/// Passes on how far a unit is and what a person should know of it.
struct Heard<'a> {
    listen: Listener<'a>,
    unit: &'a str,
    /// Of the network that is being trained.
    epochs: usize,
}

impl Observer for Heard<'_> {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Started { epochs, .. } => self.epochs = *epochs,
            Event::Epoch { record, .. } => (self.listen)(Progress::Epoch {
                unit: self.unit,
                epoch: record.epoch,
                of: self.epochs,
                val_accuracy: record.val.accuracy,
            }),
            Event::Note(note) => (self.listen)(Progress::Note(note.clone())),
            Event::Notice(text) => (self.listen)(Progress::Notice(text.clone())),
            Event::Warning(text) => (self.listen)(Progress::Warning(text.clone())),
            Event::Progress { .. } | Event::Evaluated { .. } | Event::Finished { .. } => {}
        }
        Ok(())
    }
}

fn candidate_of(select: &Select, config: &Config, arm: usize, candidate: usize) -> (Config, ArmConfig) {
    let mut own = config.clone();
    own.train.seeds.clone_from(&select.seeds);
    own.arms = config.arms.iter().flat_map(|a| select.candidates(a)).collect();
    (own, select.candidates(&config.arms[arm]).swap_remove(candidate))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
