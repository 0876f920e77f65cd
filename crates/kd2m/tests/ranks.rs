//! Ranks that train together, as threads: what they end with is what one alone ends with.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use kd2m::{
    Config, Error,
    config::Source,
    engine::{
        Draws, Engine, Images, Mode,
        choose::on_processor,
        spread::{Norms, Spread, Synchronised},
    },
    ranks::{Ranks, threads::threads},
    train::{
        Event, Observer, RunOptions, Silent, distill,
        folder::Existing,
        run::{Observe, Training},
    },
};
use kd2m_nn::{
    Dropped, Weights, init, weights,
    zoo::{self, ZooOptions},
};
use serde_json::Value;

const ARMS: [&str; 4] = ["w2", "hinton+cw2", "sinkhorn", "mmd-rbf"];

fn config(sets: &[&str]) -> Config {
    let mut source = Source::demo().unwrap();
    let common = [
        "data.train_limit=300",
        "teacher.train_limit=300",
        "teacher.epochs=2",
        "train.epochs=3",
        "train.seeds=[1]",
        "train.batch_size=64",
        // Pixels move by it, so that the teacher is asked in every step.
        "data.augment=crop:1",
        // At the demonstration's rates rounding grows tenfold a step, between any two engines.
        "optim.lr=0.001",
        "student.model=digits-cnn-middle",
    ];
    common.iter().chain(sets).for_each(|set| source.set(set).unwrap());
    source.set_arms(&ARMS.map(str::to_owned), Some(0.05.into())).unwrap();
    source.resolve().unwrap()
}

fn options(out: &Path, rank: usize, ranks: Option<Arc<dyn Ranks>>) -> RunOptions {
    let out = Some(out.to_owned());
    // Threads of one count share a pool, which a rank would hold while it waits for another.
    RunOptions { out, ranks, threads: rank + 1, allow_weak_teacher: true, ..RunOptions::default() }
}

/// Runs on so many ranks; how each ended.
fn run(config: &Config, out: &Path, size: usize, change: impl Fn(&mut RunOptions) + Sync) -> Vec<Result<(), Error>> {
    if size == 1 {
        let mut options = options(out, 0, None);
        change(&mut options);
        return vec![distill(config, &options, &mut Silent).map(drop)];
    }
    thread::scope(|scope| {
        let one = |(rank, thread): (usize, kd2m::ranks::threads::Thread)| {
            let change = &change;
            scope.spawn(move || {
                let mut options = options(out, rank, Some(Arc::new(thread)));
                change(&mut options);
                distill(config, &options, &mut Silent).map(drop)
            })
        };
        let all: Vec<_> = threads(size).into_iter().enumerate().map(one).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn student(out: &Path, arm: &str) -> PathBuf {
    out.join(format!("students/{arm}/seed-1"))
}

fn saved(file: &Path) -> Weights {
    weights::read_any(file).unwrap()
}

/// The largest difference of two networks' values over the largest of a tensor, or over a tenth where all are smaller: shifts begin at zero.
fn difference(a: &Weights, b: &Weights) -> f32 {
    assert!(a.keys().eq(b.keys()));
    let of = |(key, a): (&String, &kd2m_nn::NamedTensor)| {
        let most = a.values.iter().fold(0.1f32, |most, x| most.max(x.abs()));
        a.values.iter().zip(&b[key].values).fold(0f32, |most, (x, y)| most.max((x - y).abs())) / most
    };
    a.iter().map(of).fold(0.0, f32::max)
}

fn losses(place: &Path) -> Vec<f64> {
    let text = fs::read_to_string(place.join("metrics.jsonl")).unwrap();
    let numbers = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        let (train, val) = (&record["train"], &record["val"]);
        [&train["loss"], &train["ce"], &val["loss"], &record["w2_to_teacher"]].map(|v| v.as_f64().unwrap())
    };
    text.lines().flat_map(numbers).collect()
}

#[test]
fn ranks_end_with_the_losses_and_weights_of_one() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sets, sizes) in [
        ("plain", &[][..], &[2, 3][..]),
        ("in parts and clipped", &["train.accumulate=2", "train.batch_size=32", "optim.clip_norm=0.5"], &[3]),
        ("own head", &["student.model=digits-cnn-teacher", "student.head=teacher", "train.ema=0.5"], &[2]),
    ] {
        let config = config(sets);
        let out = |size: usize| folder.path().join(format!("{name}-{size}"));
        for size in [1].iter().chain(sizes).copied() {
            run(&config, &out(size), size, |_| ()).into_iter().for_each(|end| end.unwrap());
        }
        let teacher = |size: usize| saved(&out(size).join("teacher/teacher.safetensors"));
        for size in sizes.iter().copied() {
            let teachers = difference(&teacher(1), &teacher(size));
            assert!(teachers < 1e-4, "{name}, {size} ranks: teachers differ by {teachers}");
            for arm in ["none"].into_iter().chain(ARMS) {
                let (one, all) = (student(&out(1), arm), student(&out(size), arm));
                let apart =
                    difference(&saved(&one.join("student.safetensors")), &saved(&all.join("student.safetensors")));
                assert!(apart < 1e-4, "{name}, {arm}, {size} ranks: weights differ by {apart}");
                for (a, b) in losses(&one).iter().zip(losses(&all)) {
                    assert!((a - b).abs() < 1e-4 * a.abs().max(0.01), "{name}, {arm}, {size} ranks: {a} {b}");
                }
            }
        }
    }
}

/// Each rank draws for its rows what one process draws for them, and where all run the whole batch all draw the same.
#[test]
fn ranks_leave_out_what_one_process_does() {
    let graph = zoo::build("resnet8", &ZooOptions::new(7, 3, 8, 8)).unwrap();
    let graph = graph.dropping(Dropped { blocks: 0.5, features: 0.3 }).unwrap();
    let weights = init::initialise(&graph, 2);
    let draws = Draws { seed: 1, epoch: 4, batch: 9, first: 0 };
    for n in [12, 2] {
        let pixels = init::uniform(3, "pixels", n * 3 * 64, 0.5);
        let outputs = |mut engine: Box<dyn Engine>| {
            engine.draw_from(draws);
            let logits = engine.forward(Images { pixels: &pixels, n }, Mode::Train).unwrap().logits;
            logits.into_data().try_into_vec::<f32>().unwrap()
        };
        let engine = |threads, others| {
            let options = kd2m_cpu::Options { threads, others, ..kd2m_cpu::Options::default() };
            on_processor(&graph, &weights, options).unwrap()
        };
        let alone = outputs(engine(1, None));
        let undrawn = engine(1, None).forward(Images { pixels: &pixels, n }, Mode::Train).unwrap().logits;
        assert!(undrawn.into_data().try_into_vec::<f32>().unwrap() != alone, "draws matter");
        let together: Vec<Vec<f32>> = thread::scope(|scope| {
            let one = |(rank, thread): (usize, kd2m::ranks::threads::Thread)| {
                let (outputs, engine) = (&outputs, &engine);
                scope.spawn(move || {
                    let ranks: Arc<dyn Ranks> = Arc::new(thread);
                    let norms = Synchronised::new(ranks.clone());
                    let engine = engine(rank + 1, Some(norms.clone()));
                    outputs(Box::new(Spread::new(engine, ranks, Norms::Synchronised(norms))))
                })
            };
            let all: Vec<_> = threads(3).into_iter().enumerate().map(one).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (rank, logits) in together.iter().enumerate() {
            let apart = logits.iter().zip(&alone).fold(0f32, |most, (x, y)| most.max((x - y).abs()));
            assert!(apart < 1e-4, "{n} samples, rank {rank}: {apart}");
        }
    }
}

/// Asks to stop after the second epoch of a student.
struct Stopping<'a>(Training<'a>);

impl Observer for Stopping<'_> {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        let options = self.0.run.options;
        // Of several ranks the last alone hears of it.
        let hears = options.ranks.as_ref().is_none_or(|ranks| ranks.rank() + 1 == ranks.size());
        let hears = hears && self.0.student.is_some();
        if let Event::Epoch { record, .. } = event
            && hears
            && record.epoch == 2
        {
            options.halt.ask();
        }
        Ok(())
    }
}

fn stopping<'a>(training: Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
    Ok(Some(Box::new(Stopping(training))))
}

#[test]
fn a_run_that_was_stopped_goes_on_with_another_number_of_ranks() {
    let (folder, config) = (tempfile::tempdir().unwrap(), config(&[]));
    let out = |name: &str| folder.path().join(name);
    run(&config, &out("whole"), 1, |_| ()).into_iter().for_each(|end| end.unwrap());
    let stop = |options: &mut RunOptions| {
        options.existing = Existing::Resume;
        options.observers.push(stopping as Observe);
    };
    for (size, arm) in [(3, "none"), (2, "w2"), (1, "hinton+cw2"), (2, "sinkhorn")] {
        for end in run(&config, &out("parts"), size, stop) {
            let why = end.unwrap_err().to_string();
            assert!(why.contains("checkpoint is written") && why.contains(arm), "{size} ranks: {why}");
        }
    }
    run(&config, &out("parts"), 2, |options| options.existing = Existing::Resume)
        .into_iter()
        .for_each(|end| end.unwrap());
    for arm in ["none"].into_iter().chain(ARMS) {
        let file = |name: &str| saved(&student(&out(name), arm).join("student.safetensors"));
        let apart = difference(&file("whole"), &file("parts"));
        assert!(apart < 1e-4, "{arm}: weights differ by {apart}");
        assert_eq!(losses(&student(&out("parts"), arm)).len(), 12, "each epoch once");
    }
    // One folder, of the first rank alone.
    assert!(out("parts").join("report.html").is_file());
}

#[test]
fn norms_of_ones_own_rows_give_all_ranks_the_same_network() {
    let (folder, config) = (tempfile::tempdir().unwrap(), config(&["train.sync_batch_norm=false", "train.epochs=1"]));
    let out = folder.path().join("run");
    run(&config, &out, 2, |_| ()).into_iter().for_each(|end| end.unwrap());
    let alone = folder.path().join("alone");
    run(&config, &alone, 1, |_| ()).into_iter().for_each(|end| end.unwrap());
    // Statistics of 32 rows are not those of 64, and the difference is small.
    let file = |out: &Path| saved(&student(out, "none").join("student.safetensors"));
    let apart = difference(&file(&alone), &file(&out));
    assert!(apart > 1e-4 && apart < 1.0, "{apart}");
}

#[test]
fn ranks_that_would_not_do_the_same_are_named_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let configs = [config(&[]), config(&["optim.lr=0.007"])];
    let ends: Vec<String> = thread::scope(|scope| {
        let one = |(rank, thread): (usize, kd2m::ranks::threads::Thread)| {
            let (config, out) = (&configs[rank], folder.path().join("run"));
            scope.spawn(move || {
                let options = options(&out, rank, Some(Arc::new(thread)));
                distill(config, &options, &mut Silent).map(drop).unwrap_err().to_string()
            })
        };
        let all: Vec<_> = threads(2).into_iter().enumerate().map(one).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let said = "rank 1 has another configuration: \"lr = 0.001\" here, \"lr = 0.007\" there";
    assert!(ends[0].starts_with(said) || ends[0].contains("lr = 0.007"), "{ends:?}");
    assert!(ends[1].starts_with("rank 0 has another configuration"), "{ends:?}");
    assert!(!folder.path().join("run").exists(), "nothing was begun");
}
