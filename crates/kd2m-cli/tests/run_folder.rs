//! A run folder has one owner, holds no litter, and is taken again whatever a kill left of it.
#![cfg(unix)]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

fn command(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
    command.args(["distill", "-q", "--json", "--no-tensorboard", "--threads", "1", "--allow-weak-teacher"]);
    command.args(["--criterion", "mse", "--seeds", "1", "--set", "data.train_limit=60", "--set", "teacher.epochs=1"]);
    command.arg("--out").arg(out).args(more).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn distill(out: &Path, more: &[&str]) -> Output {
    command(out, &[&["--epochs", "1"], more].concat()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

fn student(root: &Path) -> Vec<u8> {
    fs::read(root.join("students/mse/seed-1/student.safetensors")).unwrap()
}

/// Fault 14 of the reliability notes.
#[test]
fn a_second_process_is_told_who_works_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let long = ["--epochs", "4000"];
    let mut first = command(&out, &long).spawn().unwrap();
    let started = Instant::now();
    while !out.join("students/none/seed-1/metrics.jsonl").is_file() {
        assert!(started.elapsed() < Duration::from_secs(60) && first.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(5));
    }
    for existing in ["--resume", "--overwrite"] {
        let second = command(&out, &[&long[..], &[existing]].concat()).output().unwrap();
        let said = said(&second);
        assert_eq!(second.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("is being worked on by process {} on ", first.id())), "{said}");
    }
    assert!(first.try_wait().unwrap().is_none(), "the first did not go on");
    first.kill().unwrap();
    first.wait().unwrap();
    // A dead one's folder is free at once.
    assert_done(&distill(&out, &["--overwrite"]));
    assert!(!out.join("owner.json").exists());
}

/// Fault 13 of the reliability notes.
#[test]
fn a_killed_overwrite_leaves_a_folder_that_can_be_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    assert_done(&distill(&out, &[]));
    let bytes = student(&out);
    let config = fs::read_to_string(out.join("config.toml")).unwrap();
    for (kept, existing) in [("students", "--resume"), ("teacher", "--overwrite")] {
        // Killed while it removes the rest.
        let mark = config.lines().next().unwrap();
        let replaced = format!("{mark}\n# Being replaced: --overwrite or --resume begins anew.\n");
        fs::write(out.join("config.toml"), replaced).unwrap();
        let gone = if kept == "students" { "teacher" } else { "students" };
        fs::remove_dir_all(out.join(gone)).unwrap();
        flip(&out.join(kept));
        let eval = Command::new(env!("CARGO_BIN_EXE_kd2m")).arg("eval").arg(&out).output().unwrap();
        assert!(said(&eval).contains("was being replaced when the process that did it was killed"), "{}", said(&eval));
        assert_done(&distill(&out, &[existing]));
        assert!(student(&out) == bytes && fs::read_to_string(out.join("config.toml")).unwrap() == config);
    }
    for milliseconds in [1, 3, 6, 10, 15, 25] {
        let mut child = command(&out, &["--epochs", "1", "--overwrite"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_done(&distill(&out, &["--resume"]));
    assert!(student(&out) == bytes);
}

/// Changes a bit of every file of tensors below.
fn flip(place: &Path) {
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            flip(&path);
        } else if path.extension().is_some_and(|ending| ending == "safetensors") {
            let mut bytes = fs::read(&path).unwrap();
            let last = bytes.len() - 2;
            bytes[last] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
}

/// Fault 15 of the reliability notes.
#[test]
fn overwrite_follows_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, link) = (folder.path().join("disk"), folder.path().join("link"));
    fs::create_dir(&disk).unwrap();
    std::os::unix::fs::symlink(&disk, &link).unwrap();
    assert_done(&distill(&link, &["--resume"]));
    fs::write(disk.join("students/of-the-first"), "").unwrap();
    assert_done(&distill(&link, &["--overwrite"]));
    assert!(link.is_symlink() && disk.join("summary.json").is_file() && !disk.join("students/of-the-first").exists());
    fs::remove_dir_all(&disk).unwrap();
    let refused = distill(&link, &["--overwrite"]);
    assert!(said(&refused).contains("is a link to a folder that is not there"), "{}", said(&refused));
}

/// Fault 12 of the reliability notes.
#[test]
fn what_killed_processes_leave_is_removed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    assert_done(&distill(&out, &["--checkpoint-seconds", "0"]));
    let listed = || {
        let list = Command::new("find").arg(&out).arg("-not").args(["-name", "*.html"]).output().unwrap();
        let mut lines: Vec<String> = String::from_utf8(list.stdout).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let clean = listed();
    assert!(clean.iter().all(|line| !line.contains("checkpoint") && !line.contains(".kd2m-")), "{clean:?}");
    for place in ["", "teacher", "students/mse/seed-1"] {
        fs::write(out.join(place).join(".kd2m-AbCdEf"), "half").unwrap();
    }
    fs::write(out.join("students/mse/seed-1/.student.safetensors.AbCdEf"), "half").unwrap();
    for place in ["teacher", "students/mse/seed-1"] {
        for name in ["checkpoint", "checkpoint.old", "checkpoint.new", ".kd2m-GhIjKl"] {
            fs::create_dir(out.join(place).join(name)).unwrap();
            fs::write(out.join(place).join(name).join("state.json"), "{}").unwrap();
        }
    }
    assert!(listed() != clean);
    assert_done(&distill(&out, &["--resume"]));
    assert_eq!(listed(), clean);
}
