//! `kd2m bound` on run folders: all students, one student, equal widths, a projector, widths that nothing joins.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

/// A short run on the digits; `more` are further flags of `distill`.
fn run(folder: &Path, name: &str, more: &[&str]) -> PathBuf {
    let out = folder.join(name);
    let common =
        ["distill", "--quiet", "--seeds", "1,2", "--epochs", "2", "--set", "teacher.epochs=3", "--allow-weak-teacher"];
    let found = kd2m(&[&common[..], &["--out", out.to_str().unwrap()], more].concat());
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    out
}

fn json(path: &Path, more: &[&str]) -> Vec<Value> {
    let found = kd2m(&[&["bound", path.to_str().unwrap(), "--json"], more].concat());
    assert_eq!(found.status.code(), Some(0), "{}", String::from_utf8_lossy(&found.stderr));
    serde_json::from_slice(&found.stdout).unwrap()
}

fn ways(student: &Value) -> Vec<&str> {
    student["ways"].as_array().unwrap().iter().map(|way| way["by"].as_str().unwrap()).collect()
}

#[test]
fn a_run_folder_and_one_student_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = run(folder.path(), "equal", &["--criterion", "w2", "--criterion", "hinton"]);
    let all = json(&out, &[]);
    let names: Vec<(&str, u64)> =
        all.iter().map(|s| (s["arm"].as_str().unwrap(), s["seed"].as_u64().unwrap())).collect();
    assert_eq!(names, [("none", 1), ("none", 2), ("w2", 1), ("w2", 2), ("hinton", 1), ("hinton", 2)]);
    for student in &all {
        assert_eq!(ways(student), ["teacher's head", "student's head", "logits", "probabilities"]);
        let term = |name: &str| student["terms"][name].as_f64().unwrap();
        assert!(term("w2") <= term("cw2") && term("cw2") <= term("mse") && term("ce_student") <= term("bound"));
    }
    // The risks are those that `eval` finds, up to the engine's single precision.
    let evaluated = kd2m(&["eval", out.to_str().unwrap(), "--json"]);
    let evaluated: Vec<Value> = serde_json::from_slice(&evaluated.stdout).unwrap();
    for (eval, bound) in evaluated.iter().zip(&all) {
        let (ce, wrong) = (eval["ce"].as_f64().unwrap(), 1.0 - eval["accuracy"].as_f64().unwrap() / 100.0);
        assert!((ce - bound["student"]["cross_entropy"].as_f64().unwrap()).abs() < 1e-4);
        assert!((wrong - bound["student"]["zero_one"].as_f64().unwrap()).abs() < 1e-9);
    }
    let one = out.join("students/w2/seed-2");
    assert_eq!(json(&one, &[])[0], all[3]);
    assert_eq!(json(&out, &["--arm", "w2"])[1], all[3]);
    assert_ne!(json(&one, &["--split", "val"])[0]["samples"], 0);
    // One student is shown with its chains, several with one line each.
    let text = |arguments: &[&str]| String::from_utf8(kd2m(&[&["bound"], arguments].concat()).stdout).unwrap();
    let card = text(&[one.to_str().unwrap()]);
    assert!(card.contains("≤ cw2, priors") && card.contains("≤ Λ ‖g_S − g_T‖") && !card.contains("VIOLATED"), "{card}");
    let whole = text(&[out.to_str().unwrap()]);
    let (table, legend) = whole.split_once("\n\n").unwrap();
    assert_eq!(table.lines().count(), 7);
    assert!(
        legend.starts_with("wrong: share of wrong answers") && legend.contains("vacuous: a guess is within"),
        "{legend}"
    );
    // Ten classes: a bound of 0.9 or more holds a guess. Each student is judged by its own.
    for (line, student) in table.lines().skip(1).zip(&all) {
        let bound = student["terms"]["wrong_bound"].as_f64().unwrap();
        assert_eq!(line.ends_with("vacuous"), bound >= 0.9, "{line}");
    }
    // Certified bounds in place of exact couplings hold the exact value.
    let wide = &json(&one, &["--exact-limit", "50"])[0];
    assert!(wide["terms"]["w2"].as_f64() >= all[3]["terms"]["w2"].as_f64());
}

#[test]
fn widths_that_differ_with_and_without_a_projector() {
    let folder = tempfile::tempdir().unwrap();
    let out = run(folder.path(), "wider", &["--criterion", "mse", "--weight", "0.001", "--set", "student.model=mlp-3"]);
    for student in json(&out, &["--split", "val"]) {
        let refused = student["refused"][0].as_str().unwrap();
        match student["arm"].as_str().unwrap() {
            "none" => {
                assert_eq!(ways(&student), ["logits", "probabilities"]);
                assert!(refused.contains("learned no projector"), "{refused}");
            }
            _ => {
                assert_eq!(ways(&student), ["teacher's head", "logits", "probabilities"]);
                assert!(refused.contains("the teacher's head after the projector"), "{refused}");
            }
        }
    }
    // `eval` finds the distance that training measured last, through the projector; without one there is none.
    let eval = |split: &str| -> Vec<Value> {
        let found = kd2m(&["eval", out.to_str().unwrap(), "--split", split, "--json"]);
        serde_json::from_slice(&found.stdout).unwrap()
    };
    for student in eval("val") {
        let (arm, seed) = (student["arm"].as_str().unwrap(), &student["seed"]);
        let text = std::fs::read_to_string(out.join(format!("students/{arm}/seed-{seed}/metrics.jsonl"))).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let [found, measured] = [&student, &last].map(|of| of["w2_to_teacher"].as_f64());
        assert_eq!(found.is_some(), arm == "mse");
        assert!(found.zip(measured).is_none_or(|(a, b)| (a - b).abs() < 1e-6 * b), "{arm}: {found:?} {measured:?}");
    }
    // The teacher's own accuracy stands beside its students'.
    let teacher = std::fs::read_to_string(out.join("teacher/summary.json")).unwrap();
    let teacher: Value = serde_json::from_str(&teacher).unwrap();
    assert!(eval("test").iter().all(|student| student["teacher_accuracy"] == teacher["test_accuracy"]));
    let table = String::from_utf8(kd2m(&["eval", out.to_str().unwrap()]).stdout).unwrap();
    assert!(table.lines().nth(1).is_some_and(|line| line.starts_with("teacher ")), "{table}");
}

/// Through a moving average and a projector: what is tracked is what is saved.
#[test]
fn tracked_terms_are_those_of_the_saved_student() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--criterion", "cw2", "--weight", "0.001", "--set", "student.model=mlp-3", "--set", "train.ema=0.5"];
    let tracked = run(
        folder.path(),
        "tracked",
        &[&flags[..], &["--set", "train.epochs=5", "--track-bounds", "every=2"]].concat(),
    );
    let lines = |out: &Path| -> Vec<Value> {
        let text = std::fs::read_to_string(out.join("students/cw2/seed-1/metrics.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let records = lines(&tracked);
    let with: Vec<u64> =
        records.iter().filter(|r| r["bounds"].is_object()).map(|r| r["epoch"].as_u64().unwrap()).collect();
    assert_eq!(with, [2, 4, 5]);
    let saved = &json(&tracked.join("students/cw2/seed-1"), &["--split", "val"])[0]["terms"];
    for (name, value) in saved.as_object().unwrap() {
        let (saved, tracked) = (value.as_f64().unwrap(), records[4]["bounds"][name].as_f64().unwrap());
        assert!((saved - tracked).abs() <= 1e-6 * saved.abs(), "{name}: {saved} {tracked}");
    }
    let page = std::fs::read_to_string(tracked.join("report.html")).unwrap();
    assert!(page.contains("Risk and its bounds") && page.contains("what bounds the gap"));
    // Without it, records and configuration are as they were before there was such a key: old folders go on.
    let plain = run(folder.path(), "plain", &flags);
    assert!(lines(&plain).iter().all(|record| record.get("bounds").is_none()));
    assert!(!std::fs::read_to_string(plain.join("config.toml")).unwrap().contains("track_bounds"));
    assert!(!std::fs::read_to_string(plain.join("report.html")).unwrap().contains("Risk and its bounds"));
}

/// With the teacher's classifier there is one head: nothing is lost between two.
#[test]
fn a_student_with_the_teachers_head_has_no_mismatch() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--criterion", "class-w1", "--weight", "0.1", "--set", "student.head=teacher"];
    let out = run(folder.path(), "head", &flags);
    for student in json(&out, &[]) {
        assert!(student["ways"].as_array().unwrap().iter().all(|way| way["mismatch"].as_f64().unwrap_or(0.0) == 0.0));
        assert_eq!(student["terms"]["lambda_student"], student["terms"]["lambda_teacher"]);
    }
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| {
        let found = kd2m(arguments);
        assert_eq!(found.status.code(), Some(2));
        String::from_utf8(found.stderr).unwrap()
    };
    assert!(refused(&["distill", "--track-bounds", "often"]).contains("every=5"));
    let head = refused(&["distill", "--set", "student.head=teacher", "--set", "student.model=mlp-3"]);
    assert!(head.contains("takes 64 features") && head.contains("has 128"), "{head}");
    let both = ["--set", "student.head=teacher", "--criterion", "mse", "--set", "arm.0.head_lipschitz=0.1"];
    let both = refused(&[&["distill"], &both[..]].concat());
    assert!(both.contains("which student.head = \"teacher\" does not train"), "{both}");
    let nowhere = folder.path().to_str().unwrap();
    assert!(refused(&["bound", nowhere]).contains("neither a run folder"));
    let out = run(folder.path(), "short", &["--criterion", "mse", "--weight", "0.01"]);
    let found = refused(&["bound", out.to_str().unwrap(), "--arm", "w2"]);
    assert!(found.contains("no finished arm `w2`; it has none, mse"), "{found}");
}
