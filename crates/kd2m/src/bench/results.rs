//! What the finished runs of a grid say: per cell and arm mean and deviation over seeds, the paired difference to λ = 0 with its
//! t interval, p values after Holm over the arms of the cell, and costs. What is missing is named, never filled in.

use serde::Serialize;

use super::{
    choice::{Choice, choose, score},
    grid::{Cell, Grid},
    plan::Stage,
    record::{Found, Record},
    select::Select,
    store::Store,
};
use crate::{
    Config, Error,
    columns::{self, Row},
    config::ArmConfig,
    train::{
        statistics::{ENOUGH, correct, deviation, mean, paired, verdict},
        summary::{StudentSummary, TeacherSummary, mean_of_all, used_weights},
    },
};

/// A cell.
#[derive(Debug, Clone, Serialize)]
pub struct CellResults {
    /// Its name in the grid.
    pub cell: String,
    /// The data set's name.
    pub dataset: String,
    /// What is known of its teacher; none before it is trained.
    pub teacher: Option<TeacherSummary>,
    /// Reused runs learned from this one, not from `teacher`.
    pub other_teacher: Option<TeacherSummary>,
    /// The student's network.
    pub student: String,
    /// Of the grid's file.
    pub seeds: Vec<u64>,
    /// How each λ and what else is varied was chosen; null: as it stands in the file.
    pub select: Option<Select>,
    /// In the grid's order, `none` first.
    pub arms: Vec<ArmResults>,
}

/// An arm of a cell, over its finished seeds.
#[derive(Debug, Clone, Serialize)]
pub struct ArmResults {
    pub arm: String,
    pub criterion: String,
    /// λ of each loss, as trained.
    pub weights: Vec<f64>,
    pub choice: Option<Choice>,
    pub seeds: Vec<u64>,
    /// Seeds without a result.
    pub missing: Vec<u64>,
    /// Percent, one a seed, after the last epoch.
    pub test_accuracy: Vec<f64>,
    pub test_accuracy_mean: f64,
    /// Null with one seed.
    pub test_accuracy_std: Option<f64>,
    pub best_val_mean: f64,
    pub best_val_std: Option<f64>,
    pub test_top5: Option<f64>,
    /// Expected calibration error on test, percentage points.
    pub ece: Option<f64>,
    /// Linear CKA between student's and teacher's features on validation.
    pub cka_to_teacher: Option<f64>,
    pub w2_to_teacher: Option<f64>,
    /// What the criteria ask of the student over what is asked with cross entropy, 0 … 1.
    pub share_of_gradient: Option<f64>,
    pub versus_none: Option<Versus>,
    pub cost: Cost,
}

/// Against λ = 0, over the seeds that both have; points of test accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Versus {
    /// Seeds that both have.
    pub pairs: usize,
    pub mean: f64,
    /// Half width of the 95 % t interval, for this arm alone.
    pub half_width: f64,
    pub p: f64,
    /// After Holm over the arms of the cell.
    pub p_holm: f64,
}

impl Versus {
    /// What may be said of it.
    pub fn verdict(&self) -> &'static str {
        verdict(self.p_holm, self.pairs, self.mean)
    }
}

impl CellResults {
    /// Whether some difference rests on too few seeds to claim anything.
    pub fn describes_only(&self) -> bool {
        self.seeds.len() < ENOUGH || self.arms.iter().any(|a| a.versus_none.is_some_and(|v| v.pairs < ENOUGH))
    }

    /// Its arms, for a table.
    pub fn rows(&self) -> Vec<Row> {
        self.arms.iter().map(|arm| arm.row(self)).collect()
    }
}

impl ArmResults {
    /// For a table of its cell.
    pub fn row(&self, cell: &CellResults) -> Row {
        let Cost { step_ms, criterion_ms, criterion_percent, images_per_second, seconds } = self.cost;
        Row {
            is_teacher: false,
            teacher: cell.teacher.as_ref().map_or(String::new(), |t| t.model.clone()),
            teacher_test: cell.teacher.as_ref().map(|t| t.test_accuracy),
            cell: cell.cell.clone(),
            dataset: cell.dataset.clone(),
            student: cell.student.clone(),
            arm: self.arm.clone(),
            criterion: self.criterion.clone(),
            weights: Some(self.weights.clone()),
            factor: self.choice.as_ref().and_then(|c| c.setting.factor()),
            chosen: self.choice.as_ref().map(|c| c.setting.text()).filter(|text| !text.is_empty()),
            parameters: None,
            seeds: self.seeds.len(),
            missing: self.missing.len(),
            test: self.test_accuracy.clone(),
            test_mean: Some(self.test_accuracy_mean),
            test_std: self.test_accuracy_std,
            best_mean: Some(self.best_val_mean),
            best_std: self.best_val_std,
            top5: self.test_top5,
            ece: self.ece,
            cka_to_teacher: self.cka_to_teacher,
            w2_to_teacher: self.w2_to_teacher,
            share_of_gradient: self.share_of_gradient,
            versus_none: self.versus_none.map(|v| columns::Versus {
                mean: v.mean,
                half_width: v.half_width,
                p: v.p,
                p_holm: v.p_holm,
                verdict: v.verdict(),
            }),
            step_ms: Some(step_ms),
            criterion_ms: Some(criterion_ms),
            criterion_percent: Some(criterion_percent),
            images_per_second: Some(images_per_second),
            seconds: Some(seconds),
        }
    }
}

/// Times; what killed, resumed and sharded grids may differ in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    pub step_ms: f64,
    /// All criteria of the arm together.
    pub criterion_ms: f64,
    pub criterion_percent: f64,
    pub images_per_second: f64,
    pub seconds: f64,
}

/// The choice for one arm of a cell.
pub enum Chosen {
    /// Some of its candidates have no result yet.
    Open,
    /// Every candidate diverged.
    Impossible,
    Weights(ArmConfig, Option<Choice>),
}

/// Looks up or makes the choice of an arm, which is known by its place in the cell.
pub fn chosen(store: &Store, select: Option<&Select>, cell: &Cell, arm: usize) -> Chosen {
    let (written, trials) = (&cell.config.arms[arm], &cell.trials[arm]);
    let Some(select) = select.filter(|_| !trials.is_empty()) else { return Chosen::Weights(written.clone(), None) };
    let mut candidates = Vec::new();
    for trial in trials {
        let found: Option<Vec<Found>> =
            select.seeds.iter().map(|seed| store.student(Stage::Select, cell, &trial.arm, *seed)).collect();
        let Some(found) = found else { return Chosen::Open };
        let runs = found.iter().map(|f| match f {
            Found::Finished(s) => Some((s.val_accuracy, s.w2_to_teacher)),
            Found::Diverged(_) => None,
        });
        candidates.push(score(&trial.setting, &runs.collect::<Vec<_>>()));
    }
    let choice = choose(candidates);
    let won = choice.as_ref().and_then(|choice| trials.iter().find(|trial| trial.setting == choice.setting));
    match won {
        Some(trial) => Chosen::Weights(ArmConfig { name: written.name.clone(), ..trial.arm.clone() }, choice),
        None => Chosen::Impossible,
    }
}

/// The configuration of a cell's reported runs: arms whose weights are chosen. `None` while one that `wait_for` names is open.
pub fn reported(store: &Store, grid: &Grid, cell: &Cell, wait_for: impl Fn(usize) -> bool) -> Option<Config> {
    let mut config = cell.config.clone();
    config.arms.clear();
    for index in 0..cell.config.arms.len() {
        match chosen(store, grid.select.as_ref(), cell, index) {
            Chosen::Weights(arm, _) => config.arms.push(arm),
            Chosen::Open if wait_for(index) => return None,
            Chosen::Open | Chosen::Impossible => {}
        }
    }
    Some(config)
}

/// The configuration of a cell's candidates.
pub fn candidates(select: &Select, cell: &Cell) -> Config {
    let mut config = cell.config.clone();
    config.train.seeds.clone_from(&select.seeds);
    config.arms = cell.trials.iter().flatten().map(|trial| trial.arm.clone()).collect();
    config
}

/// Refuses a folder in which something of a grid was trained otherwise.
///
/// # Errors
/// As [`Store::check`].
pub fn check(grid: &Grid, store: &Store) -> Result<(), Error> {
    store.check_cells(&grid.cells)?;
    for cell in &grid.cells {
        if let Some(select) = &grid.select {
            store.check(Stage::Select, cell, &candidates(select, cell))?;
        }
        if let Some(config) = reported(store, grid, cell, |_| false) {
            store.check(Stage::Runs, cell, &config)?;
        }
    }
    Ok(())
}

/// Counts what is there.
pub fn collect(grid: &Grid, store: &Store) -> Vec<CellResults> {
    grid.cells.iter().map(|cell| cell_results(grid, store, cell)).collect()
}

fn cell_results(grid: &Grid, store: &Store, cell: &Cell) -> CellResults {
    let seeds = &cell.config.train.seeds;
    let mut found = Vec::new();
    for (index, arm) in cell.config.arms.iter().enumerate() {
        let (config, choice) = match chosen(store, grid.select.as_ref(), cell, index) {
            Chosen::Weights(config, choice) => (config, choice),
            Chosen::Open | Chosen::Impossible => {
                found.push((arm.clone(), None, Vec::new()));
                continue;
            }
        };
        let student = |seed: &u64| match store.student(Stage::Runs, cell, &config, *seed) {
            Some(Found::Finished(summary)) => Some(*summary),
            _ => None,
        };
        let students: Vec<StudentSummary> = seeds.iter().filter_map(student).collect();
        found.push((config, choice, students));
    }
    // As it is written: its rate, too, may have been chosen.
    let all = cell.config.arms.iter().map(ArmConfig::is_none).zip(found);
    let all: Vec<(bool, _)> = all.collect();
    let none = all.iter().find(|(is_none, _)| *is_none).map(|(_, (_, _, students))| students.clone());
    let none: Vec<StudentSummary> = none.unwrap_or_default();
    let mut arms: Vec<ArmResults> = all
        .into_iter()
        .map(|(is_none, (arm, choice, students))| {
            let versus = if is_none { None } else { versus(&students, &none) };
            arm_results(arm, choice, &students, seeds, versus)
        })
        .collect();
    correct(arms.iter_mut().filter_map(|a| a.versus_none.as_mut()).map(|v| (v.p, &mut v.p_holm)));
    CellResults {
        cell: cell.name.clone(),
        dataset: cell.config.data.dataset.clone(),
        teacher: store.teacher(cell),
        other_teacher: store.other_teacher(cell),
        student: cell.config.student.model.clone(),
        seeds: seeds.clone(),
        select: grid.select.clone(),
        arms,
    }
}

fn versus(students: &[StudentSummary], none: &[StudentSummary]) -> Option<Versus> {
    let pairs = students.iter().filter_map(|s| Some((s, none.iter().find(|n| n.seed == s.seed)?)));
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.map(|(s, n)| (s.test_accuracy, n.test_accuracy)).unzip();
    paired(&a, &b).map(|d| Versus { pairs: a.len(), mean: d.mean, half_width: d.half_width, p: d.p, p_holm: d.p })
}

fn arm_results(
    arm: ArmConfig,
    choice: Option<Choice>,
    students: &[StudentSummary],
    seeds: &[u64],
    versus_none: Option<Versus>,
) -> ArmResults {
    let pick = |f: fn(&StudentSummary) -> f64| students.iter().map(f).collect::<Vec<f64>>();
    let optional = |f: fn(&StudentSummary) -> Option<f64>| mean_of_all(students.iter().map(f));
    let (test, best) = (pick(|s| s.test_accuracy), pick(|s| s.best_val_test_accuracy));
    let step_ms = mean(&pick(|s| s.step_ms));
    // An empty sum is −0 and would be shown so.
    let criterion_ms = mean(&pick(|s| s.criteria_ms.values().sum::<f64>() + 0.0));
    ArmResults {
        criterion: arm.criterion(),
        weights: used_weights(&arm, students),
        arm: arm.name,
        choice,
        seeds: students.iter().map(|s| s.seed).collect(),
        missing: seeds.iter().copied().filter(|seed| students.iter().all(|s| s.seed != *seed)).collect(),
        test_accuracy_mean: mean(&test),
        test_accuracy_std: deviation(&test),
        test_accuracy: test,
        best_val_mean: mean(&best),
        best_val_std: deviation(&best),
        test_top5: optional(|s| s.test_top5),
        ece: optional(StudentSummary::ece),
        cka_to_teacher: optional(|s| s.cka_to_teacher),
        w2_to_teacher: optional(|s| s.w2_to_teacher),
        share_of_gradient: optional(|s| s.share_of_gradient),
        versus_none,
        cost: Cost {
            step_ms,
            criterion_ms,
            criterion_percent: 100.0 * criterion_ms / step_ms,
            images_per_second: mean(&pick(|s| s.images_per_second)),
            seconds: mean(&pick(|s| s.seconds)),
        },
    }
}

/// Every summary of a grid, to be kept and counted again.
pub fn records(grid: &Grid, store: &Store) -> Vec<Record> {
    let mut records = Vec::new();
    for cell in &grid.cells {
        let selection = grid.select.as_ref().map(|select| (Stage::Select, candidates(select, cell)));
        let runs = reported(store, grid, cell, |_| false).map(|config| (Stage::Runs, config));
        for (stage, config) in selection.into_iter().chain(runs) {
            let (mut students, mut diverged) = (Vec::new(), Vec::new());
            for arm in &config.arms {
                for seed in &config.train.seeds {
                    match store.student(stage, cell, arm, *seed) {
                        Some(Found::Finished(summary)) => students.push(*summary),
                        Some(Found::Diverged(_)) => diverged.push((arm.name.clone(), *seed)),
                        None => {}
                    }
                }
            }
            let mut config = config;
            // Where this machine keeps its data is nobody else's business.
            config.data.forget_place();
            records.push(Record {
                stage: stage.folder().to_owned(),
                cell: cell.name.clone(),
                config,
                teacher: store.teacher(cell),
                students,
                diverged,
            });
        }
    }
    records
}
