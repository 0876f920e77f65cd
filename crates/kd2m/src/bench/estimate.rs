//! How long a grid would take: steps of each arm are timed on random weights, or read from runs that are finished.

use serde::Serialize;

use super::{
    grid::{Cell, Grid},
    options::BenchOptions,
    plan::{Plan, Shard, Stage, Task},
    record::Found,
    results::{self, Chosen, chosen},
    store::Store,
    timing::Timing,
};
pub use crate::amount::clock;
use crate::{
    Error,
    config::ArmConfig,
    train::{Silent, distill::check_weights, setup::Setup, side::TeacherSide, together},
};

/// A validation batch takes about half as long as a training step: forward passes and criteria, no backward.
const VALIDATION: f64 = 0.5;

/// The plan of a grid with its time.
#[derive(Debug, Serialize)]
pub struct Estimate {
    /// Cell by cell, in the grid's order.
    pub cells: Vec<CellEstimate>,
    /// Networks of the whole grid: teachers and students, candidates for λ among them.
    pub units: usize,
    /// How many of these have a result.
    pub finished: usize,
    /// Runs at once, and threads of each.
    pub jobs: usize,
    /// Threads of each run.
    pub threads: usize,
    /// Of everything unfinished in this shard, on this machine.
    pub seconds: f64,
}

/// One cell of it.
#[derive(Debug, Serialize)]
pub struct CellEstimate {
    /// The cell's name.
    pub cell: String,
    /// Its arms, by name.
    pub arms: Vec<String>,
    /// Runs that only choose a λ.
    pub candidates: usize,
    /// Runs whose results are shown.
    pub students: usize,
    /// Units of the cell that have a result.
    pub finished: usize,
    /// Of what is unfinished, one run at a time; the teacher where this cell trains it.
    pub seconds: f64,
}

/// Estimates without training anything for good.
///
/// # Errors
/// As the grid itself would fail before its first step.
pub fn estimate(grid: &Grid, options: &BenchOptions) -> Result<Estimate, Error> {
    let plan = Plan::new(grid);
    let (jobs, threads) = options.parallel(grid);
    // OUT may not be there yet, and a plan leaves nothing behind.
    let scratch = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), e))?;
    let out = if options.out.exists() { options.out.as_path() } else { scratch.path() };
    let store = Store::open(out, &options.reuse)?;
    results::check(grid, &store)?;
    let finished: Vec<bool> = plan.units.iter().map(|unit| is_finished(grid, &store, &unit.task)).collect();
    let needed = plan.needed(options.shard, |unit| finished[unit]);
    let mut cells = Vec::new();
    for (index, cell) in grid.cells.iter().enumerate() {
        let of = |task: &Task| match *task {
            Task::Teacher { cell } | Task::Student { cell, .. } => cell == index,
        };
        let own: Vec<usize> = (0..plan.units.len()).filter(|u| of(&plan.units[*u].task)).collect();
        let open: Vec<&Task> = own.iter().filter(|u| needed.contains(u)).map(|u| &plan.units[*u].task).collect();
        let count = |stage: Stage| {
            let is = |u: &&usize| matches!(plan.units[**u].task, Task::Student { stage: s, .. } if s == stage);
            own.iter().filter(is).count()
        };
        cells.push(CellEstimate {
            cell: cell.name.clone(),
            arms: cell.config.arms.iter().map(|a| a.name.clone()).collect(),
            candidates: count(Stage::Select),
            students: count(Stage::Runs),
            finished: own.iter().filter(|u| finished[**u]).count(),
            seconds: if open.is_empty() { 0.0 } else { seconds(cell, &store, &open, options, [jobs, threads])? },
        });
    }
    let parallel = jobs.min(needed.len().max(1)) as f64;
    Ok(Estimate {
        seconds: cells.iter().map(|c| c.seconds).sum::<f64>() / parallel,
        units: plan.units.len(),
        finished: finished.iter().filter(|f| **f).count(),
        cells,
        jobs,
        threads,
    })
}

impl Estimate {
    /// For a person.
    pub fn text(&self, shard: Shard) -> String {
        let mut out = String::new();
        for cell in &self.cells {
            out += &format!(
                "{}: {} arms ({}), {} candidate runs, {} reported runs, {} finished, {}\n",
                cell.cell,
                cell.arms.len(),
                cell.arms.join(", "),
                cell.candidates,
                cell.students,
                cell.finished,
                clock(cell.seconds)
            );
        }
        let part = if shard == Shard::WHOLE { String::new() } else { format!(", shard {}/{}", shard.index, shard.of) };
        out + &format!(
            "{} of {} units finished{part}; about {} for the rest with {} run(s) at once of {} thread(s)\n",
            self.finished,
            self.units,
            clock(self.seconds),
            self.jobs,
            self.threads
        )
    }
}

fn is_finished(grid: &Grid, store: &Store, task: &Task) -> bool {
    match *task {
        Task::Teacher { cell } => store.has_teacher(&grid.cells[cell]),
        Task::Student { cell, arm, stage, candidate, seed } => {
            let at = &grid.cells[cell];
            let config = match stage {
                Stage::Select => Some(at.trials[arm][candidate].arm.clone()),
                Stage::Runs => match chosen(store, grid.select.as_ref(), at, arm) {
                    Chosen::Weights(arm, _) => Some(arm),
                    Chosen::Open | Chosen::Impossible => None,
                },
            };
            config.is_some_and(|arm| store.student(stage, at, &arm, seed).is_some())
        }
    }
}

/// Time of the open units of a cell, one at a time.
fn seconds(
    cell: &Cell,
    store: &Store,
    open: &[&Task],
    options: &BenchOptions,
    [jobs, threads]: [usize; 2],
) -> Result<f64, Error> {
    let config = &cell.config;
    let setup = Setup::new(config, options.device, threads)?;
    check_weights(config, &setup, &mut Silent)?;
    let batches = |n: usize| n.div_ceil(config.train.batch_size) as f64;
    let epoch = |train: usize, step: f64| step * (batches(train) + VALIDATION * batches(setup.val.len()));
    let test = |step: f64| 2.0 * VALIDATION * step * batches(setup.dataset.test.len());
    let drawn = setup.drawn(config, 0)?;
    let timing = Timing::new(config, &setup, &drawn)?;
    let mut all = 0.0;
    if open.iter().any(|task| matches!(task, Task::Teacher { .. })) {
        all += match &setup.teacher {
            TeacherSide::Network(_) if setup.given_teacher(config)?.is_none() => {
                let epochs = config.teacher.epochs.unwrap_or(config.train.epochs) as f64;
                let step = timing.of_teacher()?;
                epochs * epoch(setup.teacher_train.len(), step) + test(step)
            }
            // Given weights are evaluated, and outputs of training images need not even that.
            TeacherSide::Network(_) | TeacherSide::Frozen(_) => {
                timing.of_answer()? * (setup.val.len() + setup.dataset.test.len()) as f64
            }
            TeacherSide::Outputs(_) => 0.0,
        };
    }
    let runs = |index: usize| open.iter().filter(|t| matches!(t, Task::Student { arm, .. } if *arm == index)).count();
    let known = |arm: &ArmConfig| {
        config.train.seeds.iter().find_map(|seed| match store.student(Stage::Runs, cell, arm, *seed) {
            Some(Found::Finished(summary)) if summary.step_ms > 0.0 => Some(summary.step_ms / 1e3),
            _ => None,
        })
    };
    let arms = config.arms.iter().enumerate().map(|(index, arm)| (arm, runs(index))).filter(|(_, runs)| *runs > 0);
    let (mut steps, mut unknown) = (Vec::new(), Vec::new());
    for (arm, runs) in arms {
        match known(arm) {
            Some(step) => steps.push((step, runs)),
            None => unknown.push((arm, runs)),
        }
    }
    if !unknown.is_empty() {
        let at_once = together::at_once(config, &setup, &options.run_options(threads), jobs)?;
        let arms: Vec<&ArmConfig> = unknown.iter().map(|(arm, _)| *arm).collect();
        let timed = timing.of_arms(&arms, at_once)?;
        steps.extend(timed.into_iter().zip(unknown).map(|(step, (_, runs))| (step, runs)));
    }
    let epoch_batches = drawn.batches(config.train.batch_size) as f64 + VALIDATION * batches(setup.val.len());
    let run = |step: f64| config.train.epochs as f64 * step * epoch_batches + test(step);
    Ok(all + steps.into_iter().map(|(step, runs)| runs as f64 * run(step)).sum::<f64>())
}
