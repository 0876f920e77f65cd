//! How long a grid would take: steps of each arm are timed on random weights, or read from runs that are finished.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{
    grid::{Cell, Grid},
    options::BenchOptions,
    plan::{Plan, Shard, Stage, Task},
    record::Found,
    results::{self, Chosen, chosen},
    select::scaled,
    store::Store,
};
use crate::{
    Error,
    config::ArmConfig,
    engine::{Images, Mode},
    objective::Objective,
    teacher::{Cache, Limits, NetworkTeacher, Teacher},
    train::{Halt, Silent, checkpoint::Checkpoints, distill::check_weights, fit::Fit, setup::Setup, side::TeacherSide},
};
use kd2m_data::{Loader, Part, training_batches};
use kd2m_nn::{Weights, init};

/// A validation batch takes about half as long as a training step: forward passes and criteria, no backward.
const VALIDATION: f64 = 0.5;
/// What makes any weight harmless.
const VANISHING: f64 = 1e-30;
/// Epochs of two batches by which a step is timed.
const TIMED_EPOCHS: usize = 4;

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
            seconds: if open.is_empty() { 0.0 } else { seconds(cell, &store, &open, options, threads)? },
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

/// Seconds as a person says them.
pub fn clock(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn is_finished(grid: &Grid, store: &Store, task: &Task) -> bool {
    match *task {
        Task::Teacher { cell } => store.has_teacher(&grid.cells[cell]),
        Task::Student { cell, arm, stage, candidate, seed } => {
            let at = &grid.cells[cell];
            let config = match (stage, &grid.select) {
                (Stage::Select, Some(select)) => Some(select.candidates(&at.config.arms[arm]).swap_remove(candidate)),
                _ => match chosen(store, grid.select.as_ref(), at, &at.config.arms[arm]) {
                    Chosen::Weights(arm, _) => Some(arm),
                    Chosen::Open | Chosen::Impossible => None,
                },
            };
            config.is_some_and(|arm| store.student(stage, at, &arm, seed).is_some())
        }
    }
}

/// Time of the open units of a cell, one at a time.
fn seconds(cell: &Cell, store: &Store, open: &[&Task], options: &BenchOptions, threads: usize) -> Result<f64, Error> {
    let config = &cell.config;
    let setup = Setup::new(config, options.device, threads)?;
    check_weights(config, &setup, &mut Silent)?;
    let batches = |n: usize| n.div_ceil(config.train.batch_size) as f64;
    let epoch = |train: usize, step: f64| step * (batches(train) + VALIDATION * batches(setup.val.len()));
    let test = |step: f64| 2.0 * VALIDATION * step * batches(setup.dataset.test.len());
    let mut all = 0.0;
    if open.iter().any(|task| matches!(task, Task::Teacher { .. })) {
        all += match &setup.teacher {
            TeacherSide::Network(_) if setup.given_teacher(config)?.is_none() => {
                let epochs = config.teacher.epochs.unwrap_or(config.train.epochs) as f64;
                let step = step_seconds(cell, &setup, None)?;
                epochs * epoch(setup.teacher_train.len(), step) + test(step)
            }
            // Given weights are evaluated, and outputs of training images need not even that.
            TeacherSide::Network(_) | TeacherSide::Frozen(_) => answer_seconds(cell, &setup)?,
            TeacherSide::Outputs(_) => 0.0,
        };
    }
    for (index, arm) in config.arms.iter().enumerate() {
        let runs = open.iter().filter(|t| matches!(t, Task::Student { arm, .. } if *arm == index)).count();
        if runs > 0 {
            let known = config.train.seeds.iter().find_map(|seed| match store.student(Stage::Runs, cell, arm, *seed) {
                Some(Found::Finished(summary)) if summary.step_ms > 0.0 => Some(summary.step_ms / 1e3),
                _ => None,
            });
            let timed = || match step_seconds(cell, &setup, Some(arm)) {
                // A weight that is too large with random networks costs as much as one that is not.
                Err(Error::NotFinite { .. }) => step_seconds(cell, &setup, Some(&scaled(arm, VANISHING))),
                timed => timed,
            };
            let step = known.map_or_else(timed, Ok)?;
            let validation = VALIDATION * batches(setup.val.len());
            let epoch = step * (setup.drawn(config, 0)?.batches(config.train.batch_size) as f64 + validation);
            let run = config.train.epochs as f64 * epoch + test(step);
            all += runs as f64 * run;
        }
    }
    Ok(all)
}

/// The time in which a teacher that is given answers all images of validation and test, by the quicker of two batches.
fn answer_seconds(cell: &Cell, setup: &Setup) -> Result<f64, Error> {
    let weights = setup.teacher.graph().map_or_else(|_| Weights::new(), |graph| init::initialise(graph, 0));
    let mut engine = setup.teacher_engine(&weights, &[])?;
    let size = cell.config.train.batch_size.min(setup.val.len());
    let mut batch = f64::INFINITY;
    for _ in 0..2 {
        let mut loader = Loader::evaluation(&setup.dataset, Part::Train, &setup.val[..size], size)?;
        if let Some(data) = loader.next() {
            let begun = Instant::now();
            engine.forward(Images { pixels: &data.images, n: data.len() }, Mode::Evaluate)?;
            batch = batch.min(begun.elapsed().as_secs_f64());
        }
    }
    Ok(batch * (setup.val.len() + setup.dataset.test.len()) as f64 / size.max(1) as f64)
}

/// The quickest of a few epochs of two batches but the first, which warms caches, with random weights; of the teacher when no arm
/// is given. The quickest because other processes can only make a step longer.
fn step_seconds(cell: &Cell, setup: &Setup, arm: Option<&ArmConfig>) -> Result<f64, Error> {
    let scratch = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), e))?;
    let config = &cell.config;
    let size = config.train.batch_size;
    let few = |indices: &[u32], n: usize| indices.iter().copied().take(n).collect::<Vec<u32>>();
    let drawn = setup.drawn(config, 0)?;
    let source = if arm.is_some() { &drawn.train } else { &setup.teacher_train };
    let (train, val) = (few(source, 2 * size), few(&setup.val, size));
    let teacher_weights = setup.teacher.graph().map_or_else(|_| Weights::new(), |graph| init::initialise(graph, 0));
    let mut teacher: Option<Box<dyn Teacher>> = None;
    let (engine, objective) = match arm {
        None => (
            setup.engine_seeing(&setup.teacher_eyes, setup.teacher.graph()?, &teacher_weights, &[], true)?,
            Objective::cross_entropy(0.0),
        ),
        Some(arm) => {
            let objective = Objective::new(config, arm, &setup.shapes(&drawn), &setup.device.burn()?, 0)?;
            let needs = objective.needs();
            teacher = Some(match &setup.teacher {
                TeacherSide::Outputs(stored) => {
                    let all = drawn.all().chain(setup.val.iter().copied());
                    setup.stored_teacher(config, stored.as_ref().clone(), all)?
                }
                TeacherSide::Network(_) | TeacherSide::Frozen(_) => {
                    let frozen = setup.teacher_engine(&teacher_weights, &needs.teacher_maps)?;
                    let layout = setup.teacher.layout(&needs.teacher_maps).filter(|_| config.teacher.cache.is_on());
                    let cache = |layout| Cache::in_memory(layout, setup.dataset.train.len(), Limits::default());
                    Box::new(NetworkTeacher::new(frozen, layout.map(cache)))
                }
            });
            let start = init::initialise(&setup.student, 0);
            (setup.engine_seeing(&setup.student_eyes, &setup.student, &start, &needs.student_maps, true)?, objective)
        }
    };
    let fit = Fit {
        config,
        dataset: &setup.dataset,
        train: &train,
        mixture: None,
        val: &val,
        augment: setup.augment,
        epochs: TIMED_EPOCHS,
        seed: 0,
        arm: arm.map_or("teacher", |arm| &arm.name),
        engine,
        head: Some(format!("{}.weight", setup.student.node(setup.student.logits()).name)).filter(|_| arm.is_some()),
        teacher: teacher.as_deref_mut().map(|t| t as &mut dyn Teacher),
        objective,
        checkpoints: Checkpoints::new(scratch.path(), Duration::MAX),
        halt: Halt::default(),
    };
    let history = fit.run(&mut Silent)?.history;
    let steps = training_batches(&train, size).len() as f64;
    Ok(history.iter().skip(1).map(|r| r.seconds / steps).fold(f64::INFINITY, f64::min))
}
