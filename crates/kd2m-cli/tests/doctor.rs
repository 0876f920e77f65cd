//! `kd2m doctor`: what is there is found, what is not is named with what to do, and what would end a run is exit code 1.

use std::{fs, process::Command};

use serde_json::Value;

fn doctor(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_kd2m")).args(["doctor", "--json"]).args(arguments).output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn finding<'f>(report: &'f Value, name: &str) -> &'f Value {
    report["findings"].as_array().unwrap().iter().find(|finding| finding["name"] == name).unwrap()
}

#[test]
fn a_machine_that_trains_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("not/yet/there");
    let (code, report) = doctor(&["--out", out.to_str().unwrap(), "--threads", "1"]);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{report:#}");
    assert_eq!(finding(&report, "digits")["train_images"], 1438);
    assert_eq!(finding(&report, "mnist")["state"], "–");
    assert_eq!(finding(&report, "threads")["threads"], 1);
    assert_eq!(finding(&report, "disk")["folder"], folder.path().to_str().unwrap(), "the nearest that is there");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    let kernels = finding(&report, "kernels");
    assert!(kernels["available"].as_array().unwrap().contains(&kernels["chosen"]), "{kernels}");
    if cfg!(target_os = "linux") {
        let memory = finding(&report, "memory");
        assert!(memory["available_bytes"].as_u64().unwrap() <= memory["total_bytes"].as_u64().unwrap());
        assert!(finding(&report, "disk")["free_bytes"].as_u64().unwrap() > 0);
    }
}

#[test]
fn what_would_end_a_run_is_exit_code_1_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    // A file of MNIST that is none.
    fs::write(folder.path().join("train-images-idx3-ubyte"), b"<html>").unwrap();
    let (code, report) = doctor(&["--data-root", root, "--device", "cpuu"]);
    assert_eq!((code, &report["ok"]), (Some(1), &Value::Bool(false)));
    let device = finding(&report, "device");
    assert_eq!(device["state"], "wrong");
    assert!(device["says"].as_str().unwrap().contains("did you mean cpu"), "{device}");
    assert_eq!(finding(&report, "cifar10")["state"], "–");
    let (code, report) = doctor(&["--data-root", folder.path().join("nowhere").to_str().unwrap()]);
    assert_eq!(code, Some(1), "a data root that is not there: {report:#}");
}

#[test]
fn for_people_it_is_a_line_each() {
    let output = Command::new(env!("CARGO_BIN_EXE_kd2m")).arg("doctor").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["device", "kernels", "threads", "memory", "disk", "digits", "cifar10"] {
        assert_eq!(text.lines().filter(|line| line.split_whitespace().next() == Some(name)).count(), 1, "{text}");
    }
}
