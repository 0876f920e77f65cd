//! A run that a signal ends has written a checkpoint, says how to go on, and does; a stderr or stdout that nobody reads ends nothing.
#![cfg(unix)]

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What a stop may take; alone it takes a tenth of a second.
const SLACK: Duration = Duration::from_secs(2);

fn kd2m(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn distill(out: &Path, epochs: &str, more: &[&str]) -> Command {
    let mut command = kd2m(&["distill", "--threads", "1", "--seeds", "1", "--no-tensorboard", "--allow-weak-teacher"]);
    command.args(["--criterion", "cw2", "--weight", "0.01", "--epochs", epochs]);
    command.args(["--set", "arm.0.loss.0.memory=4", "--set", "train.ema=0.9", "--checkpoint-seconds", "3600"]);
    command.arg("--out").arg(out).args(more);
    command
}

/// Epochs that a signal finds under way in every network.
const LONG: &str = "40";

/// Waits until a training is under way there.
fn begun(place: &Path, child: &mut Child) {
    let started = Instant::now();
    while !place.is_file() {
        assert!(started.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "it ended early");
        thread::sleep(Duration::from_millis(5));
    }
}

/// At once: another program would have to be started first, which takes longer than a small network on a busy machine.
fn send(child: &Child, signal: &str) {
    let number = match signal {
        "-TERM" => libc::SIGTERM,
        "-INT" => libc::SIGINT,
        _ => libc::SIGHUP,
    };
    // SAFETY: a plain call with two numbers; the child has not been waited for, so its number is its own.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, number) }, 0);
}

/// Exit code, stderr, and how long it took from now.
fn ended(child: Child) -> (Option<i32>, String, Duration) {
    let told = Instant::now();
    let out = child.wait_with_output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned(), told.elapsed())
}

fn tensors(root: &Path) -> Vec<Vec<u8>> {
    let names =
        ["teacher/teacher", "students/none/seed-1/student", "students/cw2/seed-1/student", "students/cw2/seed-1/best"];
    names.iter().map(|name| fs::read(root.join(format!("{name}.safetensors"))).unwrap()).collect()
}

/// Fault 7 of the reliability notes.
#[test]
fn each_signal_leaves_a_checkpoint_and_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    assert!(distill(&whole, LONG, &["-q"]).status().unwrap().success());
    let stops = [
        ("-TERM", 143, "teacher/metrics.jsonl"),
        ("-INT", 130, "students/none/seed-1/metrics.jsonl"),
        ("-HUP", 129, "students/cw2/seed-1/metrics.jsonl"),
    ];
    for (signal, code, place) in stops {
        // It comes back when this network begins again.
        let _ = fs::remove_file(broken.join(place));
        let mut child = distill(&broken, LONG, &["--resume"]).spawn().unwrap();
        begun(&broken.join(place), &mut child);
        send(&child, signal);
        let (found, said, took) = ended(child);
        assert_eq!(found, Some(code), "{signal}: {said}");
        let expected = "a checkpoint is written; the same command with --resume";
        // The students are side by side.
        let whose = if place.starts_with("teacher") { "(teacher, seed " } else { "(none, cw2, seed 1)" };
        assert!(said.contains(whose), "{signal}: {said}");
        assert!(said.contains("stopped in epoch ") && said.contains(expected), "{signal}: {said}");
        assert!(took < SLACK, "{signal}: {took:?}");
        let checkpoint = broken.join(place).with_file_name("checkpoint");
        assert!(checkpoint.join("SHA256SUMS").is_file(), "{signal} left none");
    }
    let (code, said, _) = ended(distill(&broken, LONG, &["--resume"]).spawn().unwrap());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("cw2, seed 1: resumed at epoch "), "{said}");
    assert!(tensors(&whole) == tensors(&broken));
}

#[test]
fn a_second_signal_leaves_at_once_and_an_ignored_one_is_not_heard() {
    let folder = tempfile::tempdir().unwrap();
    // It waits for weights that nobody writes.
    let fifo = folder.path().join("weights.safetensors");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let weights = format!("teacher.weights={}", fifo.display());
    for (second, least) in [(true, 0), (false, 600)] {
        let child = distill(&folder.path().join("waiting"), "1", &["--set", &weights]).spawn().unwrap();
        thread::sleep(Duration::from_millis(500));
        send(&child, "-INT");
        thread::sleep(Duration::from_millis(300));
        if second {
            send(&child, "-TERM");
        }
        let (code, said, took) = ended(child);
        let (expected, told) = if second { (143, false) } else { (130, true) };
        assert!(
            code == Some(expected) && said.contains("stopped: what is finished is kept") == told,
            "{code:?} {said}"
        );
        assert!(took < SLACK && took > Duration::from_millis(least / 2), "{took:?}");
    }

    let out = folder.path().join("ignored");
    let run = distill(&out, LONG, &["-q"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
    let mut child = shell.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    begun(&out.join("students/none/seed-1/metrics.jsonl"), &mut child);
    send(&child, "-HUP");
    let (code, said, _) = ended(child);
    assert_eq!(code, Some(0), "{said}");
}

fn quick(out: &Path) -> Command {
    distill(out, "1", &[])
}

/// Fault 4 of the reliability notes.
#[test]
fn a_stderr_that_closes_or_fills_ends_no_training() {
    let folder = tempfile::tempdir().unwrap();
    let finished = |name: &str, status: ExitStatus| {
        assert_eq!(status.code(), Some(0), "{name}");
        assert!(folder.path().join(name).join("summary.json").is_file(), "{name}");
    };
    let mut child = quick(&folder.path().join("closed")).spawn().unwrap();
    drop(child.stderr.take());
    finished("closed", child.wait().unwrap());
    if cfg!(target_os = "linux") {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        finished("full", quick(&folder.path().join("full")).stderr(full()).status().unwrap());
        // Results that cannot be shown are a failure, and the run is whole all the same; so is a page of help.
        let shown = quick(&folder.path().join("shown")).stdout(full()).status().unwrap();
        assert_eq!(shown.code(), Some(1));
        assert!(folder.path().join("shown/summary.json").is_file());
        assert_eq!(kd2m(&["--help"]).stdout(full()).status().unwrap().code(), Some(1));
        assert_eq!(kd2m(&["distill", "--help"]).stdout(full()).status().unwrap().code(), Some(1));
    }
    assert_eq!(kd2m(&["--version"]).status().unwrap().code(), Some(0));
    assert_eq!(kd2m(&["distil"]).status().unwrap().code(), Some(2));
}

const GRID: &str = r#"
name = "tiny"
threads = 1
[data]
dataset = "digits"
train_limit = 60
[teacher]
model = "digits-cnn-teacher"
epochs = 2
train_limit = 0
[student]
model = "digits-cnn-student"
[train]
epochs = 40
seeds = [1, 2]
[[arm]]
name = "w2"
loss = [{ criterion = "w2", weight = 0.1 }]
"#;

/// Fault 7 of the reliability notes, in a grid of two workers.
#[test]
fn a_grid_that_a_signal_stops_is_gone_on_with_by_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("grid.toml"), GRID).unwrap();
    let grid = |out: &str| {
        let mut command = kd2m(&["bench", "grid.toml", "--allow-weak-teacher", "--no-tensorboard", "--jobs", "2"]);
        command.args(["--out", out]).current_dir(folder.path());
        command
    };
    assert!(grid("whole").status().unwrap().success());
    let run = folder.path().join("stopped/runs/digits-digits-cnn-teacher-digits-cnn-student/students");
    for (signal, code, place) in [("-TERM", 143, "none/seed-1"), ("-INT", 130, "w2/seed-2")] {
        let _ = fs::remove_file(run.join(place).join("metrics.jsonl"));
        let mut child = grid("stopped").spawn().unwrap();
        begun(&run.join(place).join("metrics.jsonl"), &mut child);
        send(&child, signal);
        let (found, said, took) = ended(child);
        assert_eq!(found, Some(code), "{said}");
        assert!(said.contains("stopped") && said.contains("the same command goes on from there"), "{said}");
        assert!(!said.contains("failed: ") && took < SLACK, "{took:?} {said}");
    }
    let (code, said, _) = ended(grid("stopped").spawn().unwrap());
    assert_eq!(code, Some(0), "{said}");
    for arm in ["none", "w2"] {
        for seed in [1, 2] {
            let name = format!("{arm}/seed-{seed}/student.safetensors");
            let whole =
                folder.path().join("whole/runs").join(run.strip_prefix(folder.path().join("stopped/runs")).unwrap());
            assert!(fs::read(whole.join(&name)).unwrap() == fs::read(run.join(&name)).unwrap(), "{name}");
        }
    }
}
