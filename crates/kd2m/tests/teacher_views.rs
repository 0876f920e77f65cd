//! `teacher.cache = "views"`: runs that read what the teacher says to drawn views end with the bits of the run that stored it, also when they are
//! stopped in between, and nothing that was stored of another teacher, data or augmentation is taken.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kd2m::{
    Error,
    config::Source,
    train::{Event, Halt, Observer, RunOptions, distill, folder::Existing},
};

/// Asks for a halt after so many batches, and keeps what is said.
struct After {
    halt: Halt,
    batches: usize,
    notes: Vec<String>,
}

impl Observer for After {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Progress { .. } if self.batches == 0 => self.halt.ask(),
            Event::Progress { .. } => self.batches -= 1,
            Event::Note(text) => self.notes.push(text.clone()),
            _ => {}
        }
        Ok(())
    }
}

const ARMS: [&str; 3] = ["w2", "hinton", "at"];

/// Batches after which a run is stopped: of a teacher's 4 and three students' 8 each, within the first epoch of the first student and the second of
/// the second, which reads what the first stored.
const STOPS: [usize; 2] = [6, 17];

struct Ended {
    run: Result<(), Error>,
    notes: Vec<String>,
    folder: PathBuf,
    arms: &'static [&'static str],
}

impl Ended {
    /// Of each arm: its weights, and of each epoch whether the teacher was not run in it.
    fn arms(&self) -> Vec<(Vec<u8>, Vec<bool>)> {
        assert!(self.run.is_ok(), "{:?}", self.run);
        let arm = |name: &str| {
            let place = self.folder.join("students").join(name).join("seed-1");
            let metrics = fs::read_to_string(place.join("metrics.jsonl")).unwrap();
            let recalled = metrics.lines().map(|line| line.contains("\"teacher_cache\":true"));
            (fs::read(place.join("student.safetensors")).unwrap(), recalled.collect())
        };
        self.arms.iter().copied().map(arm).collect()
    }

    fn weights(&self) -> Vec<Vec<u8>> {
        self.arms().into_iter().map(|(bytes, _)| bytes).collect()
    }

    fn recalled(&self) -> Vec<Vec<bool>> {
        self.arms().into_iter().map(|(_, recalled)| recalled).collect()
    }
}

/// A run of three arms, of which the third reads maps and so asks the teacher for itself.
fn run(folder: &Path, sets: &[&str], change: impl FnOnce(&mut RunOptions), stop: Option<usize>) -> Ended {
    run_of(&ARMS, folder, sets, change, stop)
}

fn run_of(
    arms: &'static [&'static str],
    folder: &Path,
    sets: &[&str],
    change: impl FnOnce(&mut RunOptions),
    stop: Option<usize>,
) -> Ended {
    let mut source = Source::demo().unwrap();
    source.set_arms(&arms.iter().map(|arm| (*arm).to_owned()).collect::<Vec<_>>(), None).unwrap();
    let quick = [
        "teacher.epochs=1",
        "train.epochs=2",
        "data.val_fraction=0.1",
        "train.seeds=[1]",
        "data.train_limit=110",
        "teacher.train_limit=110",
        "train.batch_size=36",
    ];
    quick.iter().chain(sets).for_each(|set| source.set(set).unwrap());
    let mut options = RunOptions {
        out: Some(folder.to_owned()),
        threads: 2,
        allow_weak_teacher: true,
        no_baseline: true,
        side_by_side: 1,
        tensorboard: false,
        ..RunOptions::default()
    };
    change(&mut options);
    let mut observer = After { halt: options.halt.clone(), batches: stop.unwrap_or(usize::MAX), notes: Vec::new() };
    let run = distill(&source.resolve().unwrap(), &options, &mut observer).map(|_| ());
    Ended { run, notes: observer.notes, folder: folder.to_owned(), arms }
}

fn as_it_is(_: &mut RunOptions) {}

#[test]
fn views_are_replayed_bit_for_bit_and_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let shared = format!("teacher.cache=views:{}", place("views").display());
    let first = run(&place("first"), &[&shared], as_it_is, None);
    // The second arm takes what the first stored; the third has files of its own.
    assert_eq!(first.recalled(), [[false, false], [true, true], [false, false]]);
    let second = run(&place("second"), &[&shared], as_it_is, None);
    assert_eq!(second.recalled(), [[true, true]; 3]);
    assert!(first.weights() == second.weights());
    // Side by side, in the run folder, and without a file: the same bits.
    let own = run(&place("own"), &["teacher.cache=views"], |options| options.side_by_side = 3, None);
    assert_eq!(own.recalled(), [[false, false]; 3]);
    assert!(first.weights() == own.weights() && !place("own").join("teacher/cache").exists());
    let none = run(&place("none"), &[&shared], |options| options.no_teacher_cache = true, None);
    assert_eq!(none.recalled(), [[false, false]; 3]);
    assert!(first.weights() == none.weights());
    // Half precision is another teacher than the network itself.
    assert!(first.weights() != run(&place("plain"), &[], as_it_is, None).weights());
    for (name, set) in [
        ("teacher", "teacher.seed=5"),
        ("data", "data.split_seed=1"),
        ("augmentation", "data.augment=affine:5,0.05,0.05"),
        ("mixed", "train.mixup=0.4"),
        ("seed", "train.seeds=[2]"),
    ] {
        let other = run_of(&ARMS[..2], &place(name), &[&shared, set], as_it_is, None);
        assert!(other.run.is_ok(), "{set}");
        if name != "seed" {
            assert_eq!(other.recalled(), first.recalled()[..2], "{set}");
        }
    }
    // Seed 2 found nothing of seed 1 either: its files are others.
    let files: Vec<String> = files_below(&place("views")).iter().map(|path| path.display().to_string()).collect();
    let of = |seed: &str| files.iter().filter(|name| name.contains(seed)).count();
    assert_eq!((of("/seed-1-epoch-"), of("/seed-2-epoch-")), (2 * (2 + 4), 2), "{files:?}");
}

#[test]
fn a_run_that_is_stopped_goes_on_with_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let resumed = |options: &mut RunOptions| {
        options.existing = Existing::Resume;
        options.checkpoint_interval = std::time::Duration::MAX;
    };
    let whole = run(&folder.path().join("whole"), &["teacher.cache=views"], resumed, None);
    assert!(
        whole.notes.iter().any(|note| note.starts_with("disk: the teacher's outputs of drawn views take at most "))
    );
    for stop in STOPS {
        let place = folder.path().join(format!("stopped-{stop}"));
        let stopped = run(&place, &["teacher.cache=views"], resumed, Some(stop));
        assert!(matches!(stopped.run, Err(Error::Stopped { .. })), "{:?}", stopped.run);
        let rest = run(&place, &["teacher.cache=views"], resumed, None);
        assert!(whole.weights() == rest.weights(), "stopped after {stop} batches");
    }
}

#[test]
fn a_damaged_file_is_refused_by_name_and_made_anew_when_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let shared = format!("teacher.cache=views:{}", place("views").display());
    let first = run(&place("first"), &[&shared], as_it_is, None);
    let victim = files_below(&place("views")).into_iter().find(|path| path.ends_with("seed-1-epoch-2.views")).unwrap();
    let mut bytes = fs::read(&victim).unwrap();
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    fs::write(&victim, bytes).unwrap();
    let refused = run(&place("second"), &[&shared], as_it_is, None).run.unwrap_err();
    let why = refused.to_string();
    assert!(why.starts_with(&victim.display().to_string()) && why.contains("remove it"), "{why}");
    assert_eq!(refused.exit_code(), 2);
    fs::remove_file(&victim).unwrap();
    let rest = run(&place("second"), &[&shared], |options| options.existing = Existing::Resume, None);
    assert!(first.weights() == rest.weights());
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == "views"));
    found.sort();
    found
}
