//! A run that is stopped between any two steps goes on to the same bytes, with everything that a criterion or the loop remembers.

use std::{fs, path::Path, time::Duration};

use kd2m::{
    Config, Error,
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

const ARMS: &str = r#"
    name = "stopped"
    [data]
    dataset = "digits"
    train_limit = 150
    [teacher]
    model = "digits-cnn-teacher"
    epochs = 1
    [student]
    model = "digits-cnn-student"
    [train]
    epochs = 2
    batch_size = 16
    accumulate = 2
    ema = 0.9
    seeds = [1]
    [optim]
    algorithm = "adamw"
    lr = 0.01
    clip_norm = 5.0
    warmup_epochs = 1.5
    [[arm]]
    name = "remembered"
    [[arm.loss]]
    criterion = "class-w2"
    memory = 4
    [[arm.loss]]
    criterion = "sinkhorn"
    warmup_epochs = 0.5
    [[arm]]
    name = "learned"
    [[arm.loss]]
    criterion = "crd"
    [[arm.loss]]
    criterion = "wkd-l"
    [[arm.loss]]
    criterion = "sdd"
"#;

/// Blocks and features that are left out at random, by draws that do not depend on where the run was stopped.
const LEFT_OUT: &str = r#"
    name = "stopped"
    [data]
    dataset = "digits"
    train_limit = 96
    [teacher]
    model = "digits-cnn-student"
    epochs = 1
    [student]
    model = "resnet8"
    drop_path = 0.5
    dropout = 0.2
    [train]
    epochs = 2
    batch_size = 16
    accumulate = 2
    seeds = [1]
    [optim]
    layer_decay = 0.7
"#;

fn config(text: &str) -> Config {
    Source::parse("stopped.toml", text).unwrap().resolve().unwrap()
}

/// What ended the run, and what was said.
fn run(
    text: &str,
    out: &Path,
    batches: usize,
    interval: Duration,
    side_by_side: usize,
) -> (Result<(), Error>, Vec<String>) {
    let halt = Halt::default();
    let options = RunOptions {
        out: Some(out.to_owned()),
        threads: 1,
        existing: Existing::Resume,
        allow_weak_teacher: true,
        checkpoint_interval: interval,
        side_by_side,
        tensorboard: false,
        halt: halt.clone(),
        ..RunOptions::default()
    };
    let mut observer = After { halt, batches, notes: Vec::new() };
    let ended = distill(&config(text), &options, &mut observer).map(|_| ());
    (ended, observer.notes)
}

fn tensors(root: &Path, arms: &[&str]) -> Vec<(String, Vec<u8>)> {
    let students = arms.iter().map(|arm| format!("students/{arm}/seed-1"));
    let mut found = Vec::new();
    for place in students.chain(["teacher".to_owned()]) {
        for entry in fs::read_dir(root.join(place)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            assert!(
                name.ends_with("n") || name.ends_with("l") || name.ends_with("safetensors"),
                "{name} was left behind"
            );
            if name.ends_with(".safetensors") {
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

const NAMES: [&str; 3] = ["none", "remembered", "learned"];

/// Fault 7 of the reliability notes, one arm after another.
#[test]
fn a_run_stopped_within_epochs_ends_with_the_same_bytes() {
    stopped_and_resumed(ARMS, &NAMES, &[1]);
}

#[test]
fn a_student_that_leaves_out_at_random_ends_with_the_same_bytes() {
    let without = LEFT_OUT.replace("drop_path = 0.5", "").replace("dropout = 0.2", "");
    let folder = stopped_and_resumed(LEFT_OUT, &["none"], &[1]);
    let plain = folder.path().join("plain");
    run(&without, &plain, usize::MAX, Duration::MAX, 1).0.unwrap();
    let student =
        |root: &Path| tensors(root, &["none"]).into_iter().find(|(name, _)| name.contains("student.")).unwrap();
    assert!(student(&plain) != student(&folder.path().join("whole")), "what is left out shows");
}

/// Arms side by side, some ahead of others where the run went on alone in between.
#[test]
fn arms_stopped_side_by_side_end_with_the_bytes_of_one_by_one() {
    stopped_and_resumed(ARMS, &NAMES, &[9, 2, 1, 9]);
}

/// Stopped again and again, each time with the next number of arms side by side, against one by one without a stop.
fn stopped_and_resumed(text: &str, arms: &[&str], side_by_side: &[usize]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    run(text, &whole, usize::MAX, Duration::MAX, 1).0.unwrap();
    let mut together = side_by_side.iter().copied().cycle();
    let mut said = Vec::new();
    let mut stops = 0;
    // The first batches of an epoch, its middle, its last step and the validation behind it, in every network.
    for batches in [3, 2, 5, 1, 7, 4, 6].into_iter().cycle() {
        let (ended, notes) = run(text, &stopped, batches, Duration::MAX, together.next().unwrap());
        said.extend(notes);
        match ended {
            Ok(()) => break,
            Err(error @ Error::Stopped { .. }) => {
                stops += 1;
                let text = error.to_string();
                assert!(text.contains("): a checkpoint is written") && error.exit_code() == 130, "{text}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    let within = said.iter().filter(|line| line.contains("resumed at epoch") && !line.contains("step 0 of")).count();
    assert!(stops > 3 * arms.len() && within > arms.len(), "{stops} stops, {within} of them within an epoch: {said:?}");
    for ((name, bytes), (other, resumed)) in tensors(&whole, arms).into_iter().zip(tensors(&stopped, arms)) {
        assert!(name == other && bytes == resumed, "{name}");
    }
    let counted = |root: &Path| {
        let last = arms[arms.len() - 1];
        let text = fs::read_to_string(root.join(format!("students/{last}/seed-1/metrics.jsonl"))).unwrap();
        let read = |line: &str| serde_json::from_str::<kd2m::train::EpochRecord>(line).unwrap();
        text.lines().map(read).map(|r| (r.train.loss, r.val.correct, r.lr)).collect::<Vec<_>>()
    };
    assert_eq!(counted(&whole), counted(&stopped));
    folder
}
