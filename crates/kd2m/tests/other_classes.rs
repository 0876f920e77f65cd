//! A teacher that was trained on other classes than the data's: its features are used, its logits are not, and that is said.

use std::path::Path;

use kd2m::{
    Config, Error,
    config::Source,
    train::{Event, Observer, RunOptions, distill, inspect::On, summary::Summary},
};
use kd2m_nn::{
    init::initialise,
    weights,
    zoo::{self, ZooOptions},
};

/// Hears what a person is told of weights.
#[derive(Default)]
struct Heard(Vec<String>);

impl Observer for Heard {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        if let Event::Notice(text) = event {
            self.0.push(text.clone());
        }
        Ok(())
    }
}

/// A teacher of seven classes for the digits, which have ten.
fn config(folder: &Path, criterion: &str, more: &[&str]) -> Result<Config, Error> {
    let teacher = folder.join("seven.safetensors");
    let graph = zoo::build("digits-cnn-student", &ZooOptions::new(7, 1, 8, 8)).unwrap();
    weights::write(&teacher, &initialise(&graph, 1), None).unwrap();
    let mut source = Source::demo()?;
    source.set_arms(&[criterion.into()], None)?;
    let file = format!("teacher.weights={}", teacher.display());
    let quick = ["teacher.model=digits-cnn-student", "train.epochs=1", "train.seeds=[1]", "data.train_limit=64"];
    [file.as_str()].iter().chain(&quick).chain(more).try_for_each(|set| source.set(set))?;
    source.resolve()
}

fn run(folder: &Path, criterion: &str, more: &[&str]) -> Result<Vec<String>, String> {
    let out = Some(folder.join("out"));
    let options = RunOptions { out, threads: 1, no_baseline: true, ..RunOptions::default() };
    let mut heard = Heard::default();
    let config = config(folder, criterion, more).map_err(|e| e.to_string())?;
    distill(&config, &options, &mut heard).map(|_| heard.0).map_err(|e| e.to_string())
}

#[test]
fn its_features_are_distilled_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let heard = run(folder.path(), "w2", &[]).unwrap();
    let said = "teacher: it tells 7 classes apart, digits has 10: its logits are not used, its features are";
    assert!(heard.contains(&said.to_owned()), "{heard:?}");
    let text = std::fs::read_to_string(folder.path().join("out/summary.json")).unwrap();
    let summary: Summary = serde_json::from_str(&text).unwrap();
    assert!(summary.teacher.test_accuracy.is_nan() && summary.teacher.parameters > 0);
    assert!(summary.students[0].w2_to_teacher.is_some_and(f64::is_finite));
    // Whoever evaluates the run has the same teacher; what would need its classifier says so.
    let out = folder.path().join("out");
    let (device, mut heard) = (kd2m::device::DeviceChoice::default(), Heard::default());
    let found = kd2m::train::inspect::evaluate_saved(&out, On::Test, None, device, 1, &mut heard).unwrap();
    assert_eq!(found[0].accuracy, summary.students[0].test_accuracy[0]);
    assert!(found[0].w2_to_teacher.is_some());
}

#[test]
fn what_reads_its_logits_or_its_classifier_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let hinton = run(folder.path(), "hinton", &[]).unwrap_err();
    let words =
        "hinton reads the teacher's logits, which are of 7 classes, the data has 10: choose a criterion on features";
    assert!(hinton.contains(words), "{hinton}");
    let shared = run(folder.path(), "w2", &["student.head=teacher"]).unwrap_err();
    assert!(shared.contains("the teacher tells 7 classes apart, the data has 10"), "{shared}");
    assert!(!folder.path().join("out").exists(), "nothing was begun");
}

#[test]
fn a_teacher_of_another_body_is_refused_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let other = run(folder.path(), "w2", &["teacher.model=digits-cnn-teacher"]).unwrap_err();
    assert!(other.contains("does not fit digits-cnn-teacher, it is digits-cnn-student of 7 classes: "), "{other}");
}
