//! A grid from its plan to its tables: workers do the units, [`status`](super::status) knows what comes next.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::PoisonError,
    thread,
};

use serde::Serialize;

use super::{
    finish::{complete, write_tables},
    grid::Grid,
    heard::Once,
    litter,
    options::BenchOptions,
    plan::{Plan, Task},
    progress::{Listener, Progress},
    results::{self, CellResults},
    status::Status,
    store::Store,
    worker::{Worker, said},
};
use crate::{
    Error,
    claim::Claims,
    device::DeviceChoice,
    train::{
        distill::{check_arms, check_weights},
        outlook::{self, Ahead},
        room,
        setup::Setup,
        together::Asked,
    },
};

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
    let workers = jobs.min(status.needed.len());
    let ran = thread::scope(|scope| {
        scope.spawn(|| claims.beat());
        let work =
            || Worker { status: &status, options: options.run_options(threads), workers, listen, place: None }.work();
        let spawn = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let ends: Vec<Result<(), Error>> = (0..workers)
            .map(spawn)
            .collect::<Vec<_>>()
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
        let ahead = Ahead { arms: config.arms.len(), at_once: 1, teacher: Asked::ByEachGroup };
        for line in outlook::networks(config, &setup, ahead)? {
            listen(Progress::Note(format!("{}: {line}", status.grid.cells[cell].name)));
        }
        let trials = status.grid.cells[cell].trials.iter().flatten().map(|trial| trial.arm.clone());
        let arms: Vec<_> = config.arms.iter().cloned().chain(trials).collect();
        check_arms(config, &setup, &arms)?;
        let at = &status.grid.cells[cell];
        if let Some(room) = room::of_views(config, &setup, &arms, &status.store.remembered_in(at))? {
            listen(Progress::Note(format!("{}: {}", at.name, room.line)));
            room.short.into_iter().for_each(|text| listen(Progress::Notice(text)));
        }
    }
    Ok(())
}
