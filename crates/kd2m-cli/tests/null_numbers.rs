//! What kd2m writes it can read: JSON has no NaN and no infinity, both are written as null, and no command stops at a null.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Deserializer, Value};

fn kd2m(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Replaces every float by null, but for those of configurations and normalisations, which are refused where they are not finite.
fn forget(value: &mut Value) -> usize {
    match value {
        Value::Number(number) if number.is_f64() => {
            *value = Value::Null;
            1
        }
        Value::Array(all) => all.iter_mut().map(forget).sum(),
        Value::Object(all) => {
            all.iter_mut().filter(|(key, _)| *key != "config" && *key != "normalisation").map(|(_, v)| forget(v)).sum()
        }
        _ => 0,
    }
}

/// Rewrites a file of JSON values so that it holds no float; how many it held. A grid's runs share their teacher's files.
fn forget_in(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = String::new();
    let mut count = 0;
    for value in Deserializer::from_str(&text).into_iter::<Value>() {
        let mut value = value.unwrap();
        count += forget(&mut value);
        lines += &format!("{value}\n");
    }
    fs::write(path, lines).unwrap();
    count
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if ["summary.json", "metrics.jsonl", "pictures.json"].iter().any(|name| path.ends_with(name)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_run_without_any_number_is_reported_evaluated_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let begun = ["distill", "--quiet", "--no-tensorboard", "--out", run, "--seeds", "1,2", "--criterion", "w2"];
    let quick = ["--epochs", "1", "--set", "teacher.epochs=1", "--set", "data.train_limit=100", "--allow-weak-teacher"];
    let all = [&begun[..], &quick[..]].concat();
    kd2m(&all);
    let files = json_files(Path::new(run));
    // The run, its pictures, the teacher, two arms of two seeds.
    assert_eq!(files.len(), 2 + 2 + 2 * 4, "{files:?}");
    for path in &files {
        assert!(forget_in(path) > 0, "{} held no float", path.display());
    }
    for command in ["report", "eval", "bound"] {
        kd2m(&[command, run]);
    }
    let page = fs::read_to_string(Path::new(run).join("report.html")).unwrap();
    assert!(page.contains("</html>"));
    fs::remove_file(Path::new(run).join("summary.json")).unwrap();
    kd2m(&[&all[..], &["--resume", "--json"]].concat());
    kd2m(&["report", run]);
}

#[test]
fn a_grid_without_any_number_is_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let grid = r#"
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
epochs = 1
batch_size = 20
seeds = [1, 2]
[[arm]]
name = "w2"
loss = [{ criterion = "w2", weight = 0.1 }]
"#;
    fs::write(path("grid.toml"), grid).unwrap();
    kd2m(&["bench", &path("grid.toml"), "--out", &path("first"), "--quiet", "--allow-weak-teacher"]);
    assert!(json_files(&folder.path().join("first")).iter().map(|path| forget_in(path)).sum::<usize>() > 0);
    assert!(forget_in(&folder.path().join("first/summaries.json")) > 0);
    let counted = kd2m(&[
        "bench",
        &path("grid.toml"),
        "--out",
        &path("again"),
        "--reuse",
        &path("first"),
        "--quiet",
        "--tables-only",
        "--json",
    ]);
    let outcome: Value = serde_json::from_slice(&counted.stdout).unwrap();
    assert_eq!(outcome["missing"], 0, "{outcome}");
    assert_eq!(outcome["cells"][0]["arms"][0]["seeds"], serde_json::json!([1, 2]));
    kd2m(&["bench", &path("grid.toml"), "--out", &path("first"), "--quiet", "--tables-only"]);
}
