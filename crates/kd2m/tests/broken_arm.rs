//! A criterion that breaks down in the middle of a grid: its arm fails by name, and the arms beside it end as they would alone.

use std::{path::Path, sync::Mutex};

use kd2m::{
    bench::{self, BenchOptions, Grid, Outcome, Progress, Shard},
    config::Source,
    criterion::registry,
    device::DeviceChoice,
    train::Halt,
};
use kd2m_loss::{Batch, Criterion, CriterionError, Entry, Needs, Term};

const ENTRY: Entry = Entry {
    name: "breaks",
    aliases: &[],
    formula: "none",
    source: "this test",
    cost: "none",
    when: "never",
    weight: 0.1,
    options: &[],
    build: |_| Ok(Box::new(Breaks)),
};

#[derive(Debug, Clone)]
struct Breaks;

impl Criterion for Breaks {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        assert!(batch.step < 3, "a fault of its own");
        Ok(Term::new(batch.student.logits.clone().mean()))
    }
}

const GRID: &str = r#"
    name = "tiny"
    threads = 1
    [data]
    dataset = "digits"
    train_limit = 60
    [teacher]
    model = "digits-cnn-teacher"
    epochs = 1
    train_limit = 0
    [student]
    model = "digits-cnn-student"
    [train]
    epochs = 2
    batch_size = 20
    seeds = [1]
    [[arm]]
    name = "breaks"
    loss = [{ criterion = "breaks" }]
    [[arm]]
    name = "w2"
    loss = [{ criterion = "w2", weight = 0.1 }]
"#;

fn run(out: &Path, side_by_side: usize) -> (Outcome, Vec<String>) {
    let grid = Grid::resolve(Source::parse("test", GRID).unwrap()).unwrap();
    let options = BenchOptions {
        out: out.to_owned(),
        jobs: 1,
        threads: 1,
        side_by_side,
        device: DeviceChoice::Cpu,
        shard: Shard::WHOLE,
        reuse: Vec::new(),
        tables_only: false,
        allow_weak_teacher: true,
        tensorboard: false,
        halt: Halt::default(),
    };
    let started = Mutex::new(Vec::new());
    let listen = |event: Progress| {
        if let Progress::Started { unit } = event {
            started.lock().unwrap().push(unit.to_owned());
        }
    };
    let outcome = bench::run(&grid, &options, &listen).unwrap();
    (outcome, started.into_inner().unwrap())
}

#[test]
fn a_fault_of_one_arm_is_its_own() {
    registry::register(ENTRY).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [(alone, _), (beside, started)] =
        [("alone", 1), ("beside", 3)].map(|(name, count)| run(&folder.path().join(name), count));
    let count = |arm: &str| started.iter().filter(|unit| unit.contains(&format!(".{arm}."))).count();
    assert_eq!([count("none"), count("w2"), count("breaks")], [2; 3], "side by side, then alone: {started:?}");
    for outcome in [&alone, &beside] {
        let failed: Vec<(&str, &str)> =
            outcome.failed.iter().map(|(unit, why)| (unit.as_str(), why.as_str())).collect();
        let [(unit, why)] = failed[..] else { panic!("{failed:?}") };
        assert!(unit.contains(".breaks.") && why.contains("the program broke: a fault of its own"), "{unit}: {why}");
    }
    let accuracies =
        |outcome: &Outcome| outcome.cells[0].arms.iter().map(|arm| arm.test_accuracy.clone()).collect::<Vec<_>>();
    assert_eq!(accuracies(&alone), accuracies(&beside));
    assert_eq!(accuracies(&alone).iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1]);
}
