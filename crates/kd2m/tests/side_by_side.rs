//! Arms of a seed on one pass of data and teacher: each ends with the bytes and figures that it has alone, whatever becomes of the others.

use std::{fs, path::Path};

use kd2m::{
    Config, Error,
    config::Source,
    train::{EpochRecord, Event, Observer, RunOptions, distill},
};

/// With maps of the teacher and without, with memories, draws and learned parts, with another schedule.
const PAIRED: &str = r#"
    name = "side-by-side"
    [data]
    dataset = "digits"
    val_fraction = 0.05
    train_limit = 120
    [teacher]
    model = "digits-cnn-teacher"
    epochs = 2
    features_as = "standard"
    [student]
    model = "digits-cnn-middle"
    [train]
    epochs = 2
    batch_size = 32
    ema = 0.5
    seeds = [1]
    [[arm]]
    name = "cw2"
    loss = [{ criterion = "class-w2", memory = 4 }]
    [[arm]]
    name = "at"
    loss = [{ criterion = "at" }, { criterion = "sw2" }, { criterion = "sdd" }]
    [[arm]]
    name = "crd"
    schedule = "constant"
    loss = [{ criterion = "crd", negatives = 64 }]
    [[arm]]
    name = "hinton"
    balance = "gradient-norm"
    loss = [{ criterion = "hinton" }]
"#;

/// A bank of other images, of which each batch is matched with a draw; images without labels; the teacher's head.
const UNPAIRED: &str = r#"
    name = "side-by-side"
    [data]
    dataset = "digits"
    val_fraction = 0.05
    portion = "1/2"
    train_limit = 40
    unlabelled = "rest"
    epoch_images = 256
    [teacher]
    model = "digits-cnn-teacher"
    portion = "2/2"
    train_limit = 0
    paired = false
    epochs = 2
    [student]
    model = "digits-cnn-middle"
    [train]
    epochs = 2
    batch_size = 64
    accumulate = 2
    seeds = [1, 2]
    [[arm]]
    name = "w2"
    head = "teacher"
    loss = [{ criterion = "w2", weight = 0.1 }]
    [[arm]]
    name = "cw2"
    loss = [{ criterion = "cw2", weight = 0.1 }]
"#;

fn config(text: &str, sets: &[&str]) -> Config {
    let mut source = Source::parse("test", text).unwrap();
    sets.iter().try_for_each(|set| source.set(set)).unwrap();
    source.resolve().unwrap()
}

/// Which networks began and ended, in their order, and what was said.
#[derive(Default)]
struct Heard {
    began: Vec<String>,
    ended: Vec<String>,
    notes: Vec<String>,
    /// Of each began before any of its companions ended: how many were at work together at most.
    together: usize,
}

impl Observer for Heard {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Started { what, .. } => {
                self.began.push((*what).to_owned());
                self.together = self.together.max(self.began.len() - self.ended.len());
            }
            Event::Finished { what } => self.ended.push((*what).to_owned()),
            Event::Note(text) => self.notes.push(text.clone()),
            _ => {}
        }
        Ok(())
    }
}

fn run(out: &Path, config: &Config, side_by_side: usize) -> (Result<(), Error>, Heard) {
    let (mut heard, out) = (Heard::default(), Some(out.to_owned()));
    let options = RunOptions {
        out,
        threads: 1,
        side_by_side,
        allow_weak_teacher: true,
        tensorboard: false,
        ..RunOptions::default()
    };
    let ended = distill(config, &options, &mut heard).map(|_| ());
    (ended, heard)
}

/// Weights and what the last epochs say, but for times and caches.
fn figures(out: &Path, arm: &str, seed: u64) -> (Vec<u8>, Vec<String>) {
    let place = out.join(format!("students/{arm}/seed-{seed}"));
    let untimed = |line: &str| {
        let mut record: EpochRecord = serde_json::from_str(line).unwrap();
        (record.seconds, record.images_per_second, record.teacher_cache) = (0.0, 0.0, false);
        record.train.terms.values_mut().for_each(|term| term.share_of_step = 0.0);
        serde_json::to_string(&record).unwrap()
    };
    let metrics = fs::read_to_string(place.join("metrics.jsonl")).unwrap();
    (fs::read(place.join("student.safetensors")).unwrap(), metrics.lines().map(untimed).collect())
}

#[test]
fn arms_side_by_side_end_as_they_do_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, arms) in [
        ("paired", PAIRED, &["none", "cw2", "at", "crd", "hinton"][..]),
        ("unpaired", UNPAIRED, &["none", "w2", "cw2"]),
    ] {
        let config = config(text, &[]);
        let [alone, beside] = ["alone", "beside"].map(|how| folder.path().join(format!("{name}-{how}")));
        let (ended, heard) = run(&alone, &config, 1);
        ended.unwrap();
        assert_eq!(heard.together, 1);
        // As many as memory allows: the digits are moved and turned, so the teacher runs in every step.
        let (ended, heard) = run(&beside, &config, 0);
        ended.unwrap();
        // `at` reads maps of the teacher, which are a pass of their own.
        assert_eq!(heard.together, if name == "paired" { 4 } else { 3 });
        for arm in arms {
            for seed in config.train.seeds.iter().copied() {
                assert!(figures(&alone, arm, seed) == figures(&beside, arm, seed), "{name}: {arm}, seed {seed}");
            }
        }
    }
}

#[test]
fn an_arm_that_diverges_ends_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let good = config(UNPAIRED, &["train.seeds=[1]"]);
    let bad = config(UNPAIRED, &["train.seeds=[1]", "arm.0.loss.0.weight=1e30"]);
    let [whole, broken] = ["whole", "broken"].map(|name| folder.path().join(name));
    run(&whole, &good, 1).0.unwrap();
    let (ended, heard) = run(&broken, &bad, 3);
    assert!(matches!(&ended, Err(Error::NotFinite { arm, .. }) if arm == "w2"), "{ended:?}");
    assert!(heard.notes.iter().any(|note| note.starts_with("w2, seed 1: ") && note.ends_with("the others go on")));
    for arm in ["none", "cw2"] {
        assert!(figures(&whole, arm, 1) == figures(&broken, arm, 1), "{arm}");
    }
    assert!(!broken.join("students/w2/seed-1/summary.json").exists());
}

/// Where a view is fixed its outputs are known after the first epoch: nothing is gained, so nothing is held at once.
#[test]
fn what_a_cache_knows_is_asked_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(PAIRED, &["data.augment=none", "train.seeds=[1]", "train.epochs=1"]);
    let (ended, heard) = run(&folder.path().join("run"), &config, 0);
    ended.unwrap();
    assert_eq!(heard.together, 1);
}
