//! Runs on the digits with a cache of the teacher's outputs: the same bytes as without one, and hits only where they are sound.

use std::{fs, path::Path};

use kd2m::{
    Config,
    config::Source,
    train::{RunOptions, Silent, distill},
};

fn config(more: &[&str]) -> Config {
    let mut source = Source::demo().unwrap();
    source.set_arms(&["w2".into(), "at".into()], None).unwrap();
    let quick = ["teacher.epochs=1", "train.epochs=2", "train.seeds=[1]", "data.augment=none", "data.train_limit=150"];
    for set in quick.iter().chain(more) {
        source.set(set).unwrap();
    }
    source.resolve().unwrap()
}

/// Of each arm: the bytes of its weights, and of each epoch whether the teacher was not run in it.
type Ran = Vec<(Vec<u8>, Vec<bool>)>;

fn run(out: &Path, more: &[&str], no_teacher_cache: bool) -> Ran {
    let options = RunOptions {
        out: Some(out.to_owned()),
        threads: 2,
        allow_weak_teacher: true,
        no_baseline: true,
        no_teacher_cache,
        ..RunOptions::default()
    };
    distill(&config(more), &options, &mut Silent).unwrap();
    assert!(!out.join("teacher/cache").exists(), "left behind");
    let arm = |name: &str| {
        let place = out.join("students").join(name).join("seed-1");
        let metrics = fs::read_to_string(place.join("metrics.jsonl")).unwrap();
        let cached = metrics.lines().map(|line| line.contains("\"teacher_cache\":true"));
        (fs::read(place.join("student.safetensors")).unwrap(), cached.collect())
    };
    ["w2", "at"].map(arm).to_vec()
}

fn hits(ran: &Ran) -> Vec<&[bool]> {
    ran.iter().map(|(_, cached)| cached.as_slice()).collect()
}

fn bytes(ran: &Ran) -> Vec<&[u8]> {
    ran.iter().map(|(bytes, _)| bytes.as_slice()).collect()
}

#[test]
fn runs_with_and_without_a_cache_end_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let shared = format!("teacher.cache={}", place("cache").display());
    let without = run(&place("without"), &[], true);
    assert_eq!(hits(&without), [[false, false]; 2]);
    // In the run folder: computed in the first epoch, remembered in the second.
    let own = run(&place("own"), &[], false);
    assert_eq!(hits(&own), [[false, true]; 2]);
    assert!(bytes(&without) == bytes(&own));
    // In a folder of many runs: the second one computes nothing.
    run(&place("first"), &[&shared], false);
    let second = run(&place("second"), &[&shared], false);
    assert_eq!(hits(&second), [[true, true]; 2]);
    assert!(bytes(&without) == bytes(&second));
    // Another teacher, another split, another thing wanted of it: nothing of the above may be used.
    for (name, set) in [("teacher", "teacher.seed=5"), ("split", "data.split_seed=1")] {
        let other = run(&place(name), &[&shared, set], false);
        assert_eq!(hits(&other), [[false, true]; 2], "{set}");
    }
    // All files damaged: said, computed anew, the same bytes.
    for file in fs::read_dir(place("cache")).unwrap() {
        let path = file.unwrap().path();
        let mut content = fs::read(&path).unwrap();
        content.iter_mut().skip(60).step_by(97).for_each(|byte| *byte ^= 1);
        fs::write(&path, content).unwrap();
    }
    let damaged = run(&place("damaged"), &[&shared], false);
    assert_eq!(hits(&damaged), [[false, true]; 2]);
    assert!(bytes(&without) == bytes(&damaged));
}
