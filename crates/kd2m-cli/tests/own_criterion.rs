//! A criterion of another crate is one of the program's own: it is listed, checked, trained by, reported. The example is the program
//! here: this test runs itself as that program.

use std::{
    env, fs,
    path::Path,
    process::{Command, ExitCode, Output},
};

#[path = "../examples/own_criterion.rs"]
mod own;

const AS_THE_PROGRAM: &str = "KD2M_TEST_AS_THE_PROGRAM";

fn main() -> ExitCode {
    if env::var_os(AS_THE_PROGRAM).is_some() {
        return own::main();
    }
    it_is_listed();
    it_is_checked_like_the_others();
    it_trains_a_student_and_is_in_its_files();
    the_documentation_shows_it();
    ExitCode::SUCCESS
}

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments).env(AS_THE_PROGRAM, "1").output().unwrap()
}

fn it_is_listed() {
    let listed = program(&["list", "criteria", "--json"]);
    assert!(listed.status.success(), "{listed:?}");
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let mine = listed.iter().find(|row| row["name"] == "mine").expect("mine is not listed");
    assert_eq!((&mine["formula"], &mine["weight"]), (&own::ENTRY.formula.into(), &0.1.into()));
}

fn it_is_checked_like_the_others() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("run").display().to_string();
    let refused = |sets: &[&str]| {
        let refused = program(&[&["distill", "--criterion", "mine", "--out", &out][..], sets].concat());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        String::from_utf8(refused.stderr).unwrap()
    };
    let option = refused(&["--set", "arm.0.loss.0.sharpness=2"]);
    assert!(option.contains("arm mine") && option.contains("sharpness"), "{option}");
    let memory = refused(&["--set", "arm.0.loss.0.memory=2"]);
    assert!(memory.contains("criterion mine takes no class-wise memory"), "{memory}");
    let plain = Command::new(env!("CARGO_BIN_EXE_kd2m")).args(["distill", "--criterion", "mine"]).output().unwrap();
    let unknown = String::from_utf8(plain.stderr).unwrap();
    assert!(unknown.contains("unknown criterion `mine`"), "kd2m itself must not know it: {unknown}");
}

fn it_trains_a_student_and_is_in_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let path = out.display().to_string();
    let few = ["--set", "data.train_limit=60", "--set", "teacher.epochs=2", "--epochs", "2", "--seeds", "1"];
    let run = ["distill", "--criterion", "mine", "--quiet", "--allow-weak-teacher", "--out", &path];
    let done = program(&[&run[..], &few].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    let mine = summary["students"].as_array().unwrap().iter().find(|arm| arm["criterion"] == "mine").unwrap();
    assert_eq!((&mine["weight"], mine["test_accuracy"].as_array().unwrap().len()), (&0.1.into(), 1));
    let metrics = fs::read_to_string(out.join("students/mine/seed-1/metrics.jsonl")).unwrap();
    let values: Vec<f64> = metrics
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|epoch| epoch["train"]["terms"]["mine"]["raw"].as_f64())
        .collect();
    assert!(values.len() == 2 && values.iter().all(|value| *value > 0.0), "{metrics}");
    let report = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("mine"), "the report does not name it");
}

/// The code in `docs/extending.md` is the example's, word for word.
fn the_documentation_shows_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../../docs/extending.md")).unwrap();
    let section = page.split("\n## ").find(|s| s.starts_with("A criterion that is no divergence")).unwrap();
    let example = fs::read_to_string(root.join("examples/own_criterion.rs")).unwrap();
    let blocks: Vec<&str> = section.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty(), "there is no code in the section");
    for block in blocks {
        assert!(
            example.contains(block.trim()),
            "docs/extending.md shows code that the example does not have:\n{block}"
        );
    }
}
