//! Less memory than a command needs: it does what it can, or ends with a sentence and an exit code, never by a signal or a panic.
#![cfg(target_os = "linux")]

use std::{fs, path::Path, process::Command};

/// Runs the program with at most so many kB of addresses; exit code (none: a signal) and stderr.
fn limited(kilobytes: usize, folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v $0 && exec \"$@\""]).arg(kilobytes.to_string());
    command.arg(env!("CARGO_BIN_EXE_kd2m")).args(arguments).current_dir(folder);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Addresses that the program itself takes, in kB: below them the system's loader speaks, not the program.
fn least(folder: &Path) -> usize {
    let runs = |kilobytes: &usize| limited(*kilobytes, folder, &["--version"]).0 == Some(0);
    (30_000..400_000).step_by(10_000).find(runs).unwrap()
}

fn assert_told(what: &str, (code, said): (Option<i32>, String)) -> Option<i32> {
    assert!(matches!(code, Some(0..=2)), "{what}: {code:?} {said}");
    assert!(code == Some(0) || said.contains("error: "), "{what}: {said}");
    assert!(!said.contains("panicked"), "{what}: {said}");
    code
}

/// Whole numbers below 1 in the form of NumPy, `[rows, columns]` of f32.
fn write_npy(path: &Path, rows: usize, columns: usize) {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    let number = |k: usize| (k * 7919 % 10_007) as f32 / 10_007.0;
    bytes.extend((0..rows * columns).flat_map(|k| number(k).to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// Fault 17 of the reliability notes: 300 MB and less ended by SIGABRT.
#[test]
fn little_memory_is_a_sentence_and_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    // 32 MB of costs, and as much again while they are made.
    write_npy(&place.join("a.npy"), 2900, 4);
    write_npy(&place.join("b.npy"), 2800, 4);
    let distance = |kilobytes: usize, metric: &str| {
        let arguments = ["distance", "a.npy", "b.npy", "--metric", metric, "--threads", "2"];
        assert_told(&format!("{metric} in {kilobytes} kB"), limited(kilobytes, place, &arguments))
    };
    let distill = |kilobytes: usize| {
        let out = format!("run-{kilobytes}");
        let demo = ["distill", "--out", &out, "-q", "--seeds", "1", "--epochs", "1", "--allow-weak-teacher"];
        assert_told(&out, limited(kilobytes, place, &demo))
    };
    let least = least(place);
    for more in [5_000, 50_000, 100_000, 240_000] {
        let kilobytes = least + more;
        distance(kilobytes, "w2");
        distance(kilobytes, "gw");
        distill(kilobytes);
    }
    // What is refused is no more than what lacks.
    assert_eq!((distance(3_000_000, "w2"), distill(3_000_000)), (Some(0), Some(0)));
}

/// The case `w2-memory-abort`: costs that do not fit are computed again, and of all metrics each that needs more says so in its row.
#[test]
fn one_metric_that_needs_more_memory_ends_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    write_npy(&place.join("a.npy"), 1500, 256);
    write_npy(&place.join("b.npy"), 1400, 256);
    let all = ["distance", "a.npy", "b.npy", "--metric", "all", "--threads", "1", "--json"];
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v $0 && exec \"$@\""]).arg((least(place) + 40_000).to_string());
    let output = command.arg(env!("CARGO_BIN_EXE_kd2m")).args(all).current_dir(place).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?} {said}", output.status);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let value = |name: &str| rows.iter().find(|row| row["metric"] == name).unwrap()["value"].as_f64();
    // As with enough: what has its memory has its value, and every other its reason.
    assert!(value("w2").is_some() && value("mmd-linear").is_some(), "{rows:#?}");
    let refused: Vec<&str> =
        rows.iter().filter(|row| row["value"].is_null()).filter_map(|row| row["reason"].as_str()).collect();
    assert!(refused.iter().any(|why| why.contains("cannot be had")), "{refused:#?}");
    assert_eq!(refused.len() + rows.iter().filter(|row| row["value"].is_number()).count(), rows.len());
}
