//! The work of a grid in units that workers can claim: a teacher, a candidate of a λ, a student. A unit is known by its place in
//! the output folder, so that what is finished can be seen without a record of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::grid::Grid;
use crate::{Error, config::ArmConfig};

/// The folder below OUT in which a network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Candidates of the weights.
    Select,
    /// What is reported.
    Runs,
}

impl Stage {
    /// Its folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Runs => "runs",
        }
    }
}

/// What a unit does.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Trains (or reads) and evaluates the teacher of a cell, for all cells that share it.
    Teacher { cell: usize },
    /// Trains a student; of `Select`, `arm` is the arm whose candidate number `candidate` it is.
    Student { cell: usize, arm: usize, stage: Stage, candidate: usize, seed: u64 },
}

/// One unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Name of its claim and of its line in messages.
    pub id: String,
    pub task: Task,
    /// Units that must be finished first.
    pub needs: Vec<usize>,
}

/// Part `index` (from 1) of `of` parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 1.
    pub index: usize,
    /// How many parts there are.
    pub of: usize,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    /// Reads `k/n`.
    ///
    /// # Errors
    /// No two numbers, or `k` outside 1 … `n`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index, of }),
            _ => Err(Error::Config(format!(
                "--shard {text}: expected k/n with k from 1 to n, e.g. 1/4 (a job array that counts from 0: add 1)"
            ))),
        }
    }
}

/// All units, each after those that it needs.
#[derive(Debug, Clone)]
pub struct Plan {
    pub units: Vec<Unit>,
}

impl Plan {
    /// Teachers first, then candidates, then students; within a cell seed by seed, as `kd2m distill` does.
    pub fn new(grid: &Grid) -> Self {
        let mut plan = Self { units: Vec::new() };
        let mut teachers: HashMap<&str, usize> = HashMap::new();
        for (index, cell) in grid.cells.iter().enumerate() {
            teachers.entry(&cell.teacher).or_insert_with(|| {
                plan.push(format!("teacher-{}", cell.teacher), Task::Teacher { cell: index }, Vec::new())
            });
        }
        for (cell, at) in grid.cells.iter().enumerate() {
            let teacher = teachers[at.teacher.as_str()];
            let mut candidates = vec![teacher];
            for seed in grid.select.iter().flat_map(|select| select.seeds.iter().copied()) {
                for (arm, trials) in at.trials.iter().enumerate() {
                    for (candidate, trial) in trials.iter().enumerate() {
                        let task = Task::Student { cell, arm, stage: Stage::Select, candidate, seed };
                        candidates.push(plan.push(id(Stage::Select, &at.name, &trial.arm, seed), task, vec![teacher]));
                    }
                }
            }
            for seed in at.config.train.seeds.iter().copied() {
                for (arm, config) in at.config.arms.iter().enumerate() {
                    let task = Task::Student { cell, arm, stage: Stage::Runs, candidate: 0, seed };
                    plan.push(id(Stage::Runs, &at.name, config, seed), task, candidates.clone());
                }
            }
        }
        plan
    }

    /// What students have in common that may be trained side by side: cell, stage and seed. None of a teacher.
    pub fn seed_of(&self, unit: usize) -> Option<(usize, Stage, u64)> {
        match self.units[unit].task {
            Task::Student { cell, stage, seed, .. } => Some((cell, stage, seed)),
            Task::Teacher { .. } => None,
        }
    }

    fn push(&mut self, id: String, task: Task, needs: Vec<usize>) -> usize {
        self.units.push(Unit { id, task, needs });
        self.units.len() - 1
    }

    /// The unfinished units of a shard with the unfinished ones that they need: a shard alone ends too.
    pub fn needed(&self, shard: Shard, finished: impl Fn(usize) -> bool) -> BTreeSet<usize> {
        let mine = (0..self.units.len()).filter(|i| i % shard.of == shard.index - 1);
        let mut open: Vec<usize> = mine.collect();
        let mut needed = BTreeSet::new();
        while let Some(unit) = open.pop() {
            if !finished(unit) && needed.insert(unit) {
                open.extend(&self.units[unit].needs);
            }
        }
        // A teacher is trained for those who need it, not for its own sake.
        let wanted: HashSet<usize> = needed.iter().flat_map(|unit| self.units[*unit].needs.iter().copied()).collect();
        let own_sake = |unit: &usize| matches!(self.units[*unit].task, Task::Teacher { .. }) && !wanted.contains(unit);
        needed.into_iter().filter(|unit| !own_sake(unit)).collect()
    }
}

fn id(stage: Stage, cell: &str, arm: &ArmConfig, seed: u64) -> String {
    format!("{}.{cell}.{}.seed-{seed}", stage.folder(), arm.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    const FILE: &str = r#"
        name = "tiny"
        [data]
        dataset = "digits"
        [teacher]
        model = "digits-cnn-teacher"
        [student]
        model = "digits-cnn-student"
        [train]
        seeds = [1, 2]
        [[arm]]
        name = "w2"
        [[arm.loss]]
        criterion = "w2"
        [select]
        factors = [0.1, 1]
        seeds = [101]
    "#;

    fn plan() -> Plan {
        Plan::new(&Grid::resolve(Source::parse("test", FILE).unwrap()).unwrap())
    }

    #[test]
    fn units_come_after_what_they_need() {
        let plan = plan();
        assert_eq!(plan.units.len(), 1 + 2 + 4);
        assert!(plan.units.iter().enumerate().all(|(i, u)| u.needs.iter().all(|n| *n < i)));
        let ids: std::collections::HashSet<&str> = plan.units.iter().map(|u| u.id.as_str()).collect();
        assert_eq!(ids.len(), plan.units.len());
    }

    #[test]
    fn shards_cover_everything_and_bring_what_they_need() {
        let plan = plan();
        let part = |k| plan.needed(Shard { index: k, of: 3 }, |_| false);
        let all: BTreeSet<usize> = (1..=3).flat_map(part).collect();
        assert_eq!(all.len(), plan.units.len());
        // Unit 3 is a student: it needs the teacher and both candidates.
        assert!(part(1).is_superset(&BTreeSet::from([0, 1, 2, 3, 6])));
        // A part that is the teacher alone leaves it to those who need it.
        assert!(plan.needed(Shard { index: 1, of: 7 }, |_| false).is_empty());
        assert!(plan.needed(Shard::WHOLE, |_| true).is_empty());
    }

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(Shard::parse("2/4").unwrap(), Shard { index: 2, of: 4 });
        for wrong in ["0/4", "5/4", "1", "a/b", "1/0"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }
}
