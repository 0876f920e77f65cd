//! `kd2m distill` as several processes that MPI started (`--features mpi`, an `mpirun` on the path): losses and weights of one, a rank that is
//! killed, ranks that would not do the same.
#![cfg(feature = "mpi")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use kd2m_nn::{Weights, weights};
use serde_json::Value;

const KD2M: &str = env!("CARGO_BIN_EXE_kd2m");

/// `mpirun` on this machine alone, as whom and on however few cores.
fn mpirun(size: usize) -> Command {
    let mut command = Command::new("mpirun");
    command.args([
        "--allow-run-as-root",
        "--oversubscribe",
        "--mca",
        "btl",
        "self,vader",
        "--mca",
        "oob_tcp_if_include",
        "lo",
    ]);
    command.args(["-n", &size.to_string(), KD2M]);
    command
}

fn distill<'a>(command: &'a mut Command, out: &Path, more: &[&str]) -> &'a mut Command {
    let sets = [
        "data.train_limit=300",
        "teacher.train_limit=300",
        "teacher.epochs=2",
        "train.epochs=3",
        "train.seeds=[1]",
        "train.batch_size=64",
        "data.augment=crop:1",
        "optim.lr=0.001",
        "student.model=digits-cnn-middle",
    ];
    command.args([
        "distill",
        "--criterion",
        "w2",
        "--criterion",
        "sinkhorn",
        "--weight",
        "0.05",
        "--allow-weak-teacher",
    ]);
    for set in sets {
        command.args(["--set", set]);
    }
    command.args(["--threads", "1", "--no-tensorboard", "--out"]).arg(out).args(more)
}

fn ended(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn saved(out: &Path, arm: &str) -> Weights {
    weights::read_any(&out.join(format!("students/{arm}/seed-1/student.safetensors"))).unwrap()
}

/// The largest difference over the largest value of a tensor, or over a tenth: shifts begin at zero.
fn difference(a: &Weights, b: &Weights) -> f32 {
    assert!(a.keys().eq(b.keys()));
    let of = |(key, a): (&String, &kd2m_nn::NamedTensor)| {
        let most = a.values.iter().fold(0.1f32, |most, x| most.max(x.abs()));
        a.values.iter().zip(&b[key].values).fold(0f32, |most, (x, y)| most.max((x - y).abs())) / most
    };
    a.iter().map(of).fold(0.0, f32::max)
}

fn losses(out: &Path, arm: &str) -> Vec<f64> {
    let text = fs::read_to_string(out.join(format!("students/{arm}/seed-1/metrics.jsonl"))).unwrap();
    let numbers = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        [&record["train"]["loss"], &record["val"]["loss"], &record["w2_to_teacher"]].map(|v| v.as_f64().unwrap())
    };
    text.lines().flat_map(numbers).collect()
}

fn same(a: &Path, b: &Path) {
    for arm in ["none", "w2", "sinkhorn"] {
        let apart = difference(&saved(a, arm), &saved(b, arm));
        assert!(apart < 1e-4, "{arm}: weights differ by {apart}");
        let (a, b) = (losses(a, arm), losses(b, arm));
        assert_eq!(a.len(), b.len());
        a.iter().zip(&b).for_each(|(a, b)| assert!((a - b).abs() < 1e-4 * a.abs().max(0.01), "{arm}: {a} {b}"));
    }
}

#[test]
fn processes_end_with_the_losses_and_weights_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("alone");
    ended(distill(&mut Command::new(KD2M), &alone, &[]));
    for size in [2, 3] {
        let out = folder.path().join(size.to_string());
        let said = ended(distill(&mut mpirun(size), &out, &[]));
        same(&alone, &out);
        let (shown, told) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert_eq!(shown.matches("test accuracy after the last epoch").count(), 1, "one process speaks: {shown}");
        assert_eq!(told.matches("run folder: ").count(), 1, "{told}");
    }
}

/// The process's own children.
fn children(parent: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn wait(child: &mut Child, limit: Duration) {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < limit, "the others wait for one that is gone");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_rank_that_is_killed_ends_all_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, out) = (folder.path().join("whole"), folder.path().join("killed"));
    let more = ["--set", "train.epochs=8", "--checkpoint-seconds", "0", "--quiet", "--resume"];
    ended(distill(&mut Command::new(KD2M), &whole, &more));
    // Each time another rank, after another while, and another number of them.
    let mut killed = 0;
    for (size, which, millis) in [(2, 1, 900), (3, 0, 1300), (2, 0, 1700), (3, 2, 2500)] {
        let mut command = mpirun(size);
        let mut child = distill(&mut command, &out, &more).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(millis));
        if let Some(rank) = children(child.id()).get(which) {
            killed += 1;
            // SAFETY: a signal to a process that this test has started.
            unsafe { libc::kill(*rank as i32, libc::SIGKILL) };
        }
        wait(&mut child, Duration::from_secs(120));
    }
    assert!(killed > 0, "none was there to be killed");
    ended(distill(&mut mpirun(2), &out, &more));
    same(&whole, &out);
}

#[test]
fn ranks_that_would_not_do_the_same_are_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = mpirun(1);
    distill(&mut command, &out, &["--quiet"]).args([":", "-n", "1", KD2M]);
    let output = distill(&mut command, &out, &["--quiet", "--set", "optim.lr=0.007"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    assert!(
        said.contains("error: rank 1 has another configuration: \"lr = 0.001\" here, \"lr = 0.007\" there"),
        "{said}"
    );
    assert!(!out.exists());
    // What one alone refuses, all refuse together.
    let output = distill(&mut mpirun(2), &out, &["--quiet", "--set", "optim.lrr=1"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.matches("error: ").count() == 1, "{said}");
    assert!(said.contains("did you mean lr?"), "{said}");
}
