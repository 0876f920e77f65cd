//! `kd2m compare` on runs that were trained for it.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

fn run(folder: &Path, name: &str, more: &[&str]) -> String {
    let out = folder.join(name).display().to_string();
    let common = ["distill", "--quiet", "--set", "teacher.epochs=3", "--allow-weak-teacher", "--no-tensorboard"];
    let found = kd2m(&[&common[..], &["--out", &out], more].concat());
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    out
}

#[test]
fn two_runs_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let short = run(folder.path(), "short", &["--criterion", "w2", "--epochs", "1", "--seeds", "1,2,3"]);
    let long = run(folder.path(), "long", &["--criterion", "w2", "--epochs", "3", "--seeds", "2,3,4"]);
    let page = String::from_utf8(kd2m(&["compare", &short, &long]).stdout).unwrap();
    for part in ["difference", "run 2 differs from run 1 in train.epochs 1 → 3", "2 seeds describe, a claim needs 10"]
    {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    let json = |arguments: &[&str]| -> Value {
        let found = kd2m(&[&["compare", &short, &long, "--json"], arguments].concat());
        serde_json::from_slice(&found.stdout).unwrap()
    };
    let found = json(&[]);
    let summary = |out: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(Path::new(out).join("summary.json")).unwrap()).unwrap()
    };
    let accuracies = |out: &str, arm: usize| -> Vec<f64> {
        let all = summary(out)["students"][arm]["test_accuracy"].as_array().unwrap().clone();
        all.iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let (first, second) = (accuracies(&short, 1), accuracies(&long, 1));
    let versus = &found["runs"][1]["arms"][1]["versus"];
    assert_eq!((&versus["arm"], &versus["seeds"]), (&"w2".into(), &serde_json::json!([2, 3])));
    let mean = (second[0] - first[1] + second[1] - first[2]) / 2.0;
    assert!((versus["mean"].as_f64().unwrap() - mean).abs() < 1e-9, "{versus} {mean}");
    assert_eq!(found["runs"][1]["arms"][1]["test_accuracy"], summary(&long)["students"][1]["test_accuracy"]);
    // Against one arm of the first run: the rest of that run too.
    let found = json(&["--against", "none"]);
    assert_eq!(found["runs"][0]["arms"][1]["versus"]["seeds"], serde_json::json!([1, 2, 3]));
    assert_eq!(found["runs"][1]["arms"][1]["versus"]["arm"], "none");
    let refused = |arguments: &[&str]| {
        let found = kd2m(arguments);
        assert_eq!(found.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(found.stderr).unwrap()
    };
    assert!(refused(&["compare", &short, &long, "--against", "w3"]).contains("did you mean w2?"));
    assert!(refused(&["compare", &short]).contains("2"));
    assert!(refused(&["compare", &short, folder.path().to_str().unwrap()]).contains("is no run folder"));
}
