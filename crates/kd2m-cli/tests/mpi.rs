//! `kd2m distill` and `kd2m distance` as several processes that MPI started (`--features mpi`, an `mpirun` on the path): losses, weights and
//! distances of one, ranks that are killed, a full disk, ranks that would not do the same.
#![cfg(feature = "mpi")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use kd2m_data::features::write_matrix;
use kd2m_nn::{Weights, weights};
use serde_json::Value;

const KD2M: &str = env!("CARGO_BIN_EXE_kd2m");

/// `mpirun` on this machine alone, as whom and on however few cores.
fn mpirun(size: usize) -> Command {
    mpirun_as(size, KD2M)
}

/// The same of another program.
fn mpirun_as(size: usize, program: &str) -> Command {
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
    command.args(["-n", &size.to_string(), program]);
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

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    /// Below `most`.
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Ends one of a launcher's processes; false where it has no such one any more.
fn kill(child: &Child, which: usize) -> bool {
    match children(child.id()).get(which) {
        // SAFETY: a signal to a process that this test has started.
        Some(rank) => unsafe { libc::kill(*rank as i32, libc::SIGKILL) == 0 },
        None => false,
    }
}

#[test]
fn a_rank_that_is_killed_at_ten_moments_ends_all_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let more = ["--set", "train.epochs=4", "--checkpoint-seconds", "0", "--quiet", "--resume"];
    let begin = Instant::now();
    ended(distill(&mut mpirun(2), &whole, &more));
    let lasts = begin.elapsed().as_millis() as u64;
    let (mut chance, mut killed, mut round) = (Chance(2930), 0, 0);
    // Another rank each time, of another number of them, at any moment; a run that ends before is compared, and another begun.
    while killed < 10 {
        let out = folder.path().join(format!("killed-{round}"));
        let size = 2 + chance.below(2) as usize;
        let (which, millis) = (chance.below(size as u64) as usize, lasts / 20 + chance.below(lasts * 2 / 3));
        let mut command = mpirun(size);
        let mut child = distill(&mut command, &out, &more).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(millis));
        killed += u32::from(kill(&child, which));
        wait(&mut child, Duration::from_secs(120));
        if child.wait().unwrap().success() {
            same(&whole, &out);
            round += 1;
        }
    }
    let out = folder.path().join(format!("killed-{round}"));
    ended(distill(&mut mpirun(2), &out, &more));
    same(&whole, &out);
}

#[test]
fn a_full_disk_under_the_writer_ends_all_with_exit_code_1_and_the_run_goes_on_after() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, out, log) = (folder.path().join("whole"), folder.path().join("full"), folder.path().join("log"));
    let more = ["--set", "train.epochs=4", "--checkpoint-seconds", "0", "--quiet", "--resume"];
    ended(distill(&mut mpirun(2), &whole, &more));
    // The first rank is told that it may write no more, as by a full disk, once it has begun to.
    let mut command = mpirun_as(1, "bash");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", KD2M]);
    distill(&mut command, &out, &more).args([":", "-n", "1", KD2M]);
    distill(&mut command, &out, &more).stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let begin = Instant::now();
    while !out.join("config.toml").is_file() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{}", fs::read_to_string(&log).unwrap());
        thread::sleep(Duration::from_millis(5));
    }
    let limit = libc::rlimit { rlim_cur: 2048, rlim_max: 2048 };
    let writer = children(child.id())[0] as i32;
    // SAFETY: a limit of a process that this test has started, read from a value that outlives the call.
    assert_eq!(unsafe { libc::prlimit(writer, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) }, 0);
    wait(&mut child, Duration::from_secs(120));
    let said = fs::read_to_string(&log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(matches!(errors[..], [only] if only.contains("full")), "{said}");
    ended(distill(&mut mpirun(2), &out, &more));
    same(&whole, &out);
}

/// Two sets of shards below a folder, in a.npy and b.npy, too.
fn sets(folder: &Path, [n, m]: [usize; 2]) {
    for (name, n, shift) in [("a", n, 0.0f32), ("b", m, 0.4)] {
        let number = |k: usize| ((k * 7919 + k * k % 991) % 1009) as f32 / 1009.0 + shift;
        let values: Vec<f32> = (0..n * 6).map(number).collect();
        fs::create_dir_all(folder.join(name)).unwrap();
        write_matrix(&folder.join(format!("{name}.npy")), n, 6, values.iter().copied()).unwrap();
        for (k, rows) in values.chunks(101 * 6).enumerate() {
            let shard = folder.join(format!("{name}/part-{k}.npy"));
            write_matrix(&shard, rows.len() / 6, 6, rows.iter().copied()).unwrap();
        }
    }
}

#[test]
fn distances_of_shards_are_the_same_over_ranks_and_certified() {
    let folder = tempfile::tempdir().unwrap();
    sets(folder.path(), [700, 700]);
    let json = |command: &mut Command, metric: &str| -> Value {
        command.current_dir(folder.path()).args(["distance", "a", "b", "--threads", "1", "--json"]);
        let output = ended(command.args("--metric".split(' ').chain(metric.split(' '))));
        serde_json::from_slice(&output.stdout).expect("one process speaks")
    };
    let whole = json(&mut Command::new(KD2M), "w2");
    for metric in ["w2 --set memory=0", "bounds --set block=200", "sinkhorn", "mmd-rbf", "fid", "sw2"] {
        let alone = json(&mut Command::new(KD2M), metric);
        for size in [2, 3] {
            let found = json(&mut mpirun(size), metric);
            for key in ["value", "status", "gap", "n", "m", "diagnostics"] {
                assert_eq!(found.get(key), alone.get(key), "{metric}, {size} ranks: {key}");
            }
        }
        if metric.starts_with("w2") {
            let (x, y) = (alone["value"].as_f64().unwrap(), whole["value"].as_f64().unwrap());
            assert!((x - y).abs() <= 1e-9 * y && alone["status"] == "optimal", "{x} {y}");
        }
    }
}

#[test]
fn threads_that_share_one_core_are_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    sets(folder.path(), [40, 40]);
    let said = |threads: &str| {
        let mut command = mpirun_as(2, "--bind-to");
        command.args(["core:overload-allowed", KD2M, "distance", "a", "b", "--metric", "fid", "--threads", threads]);
        let output = ended(command.current_dir(folder.path()));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(said("2").matches("warning: 2 threads on 1 core(s) in each process").count(), 1);
    assert_eq!(said("0").matches("warning: one thread on 1 core(s) in each process").count(), 1);
    assert!(!said("1").contains("warning"));
}

#[test]
fn an_exact_distance_that_was_killed_goes_on_from_its_potentials() {
    let folder = tempfile::tempdir().unwrap();
    sets(folder.path(), [900, 901]);
    let duals = folder.path().join("duals.npy");
    let command = |size: usize| {
        let mut command = mpirun(size);
        command.current_dir(folder.path()).args(["distance", "a", "b", "--metric", "w2", "--threads", "1", "--json"]);
        command.arg("--duals").arg(&duals);
        command
    };
    let mut child = command(2).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while !duals.is_file() && child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(60), "nothing is kept");
        thread::sleep(Duration::from_millis(2));
    }
    kill(&child, 1);
    wait(&mut child, Duration::from_secs(60));
    let again: Value = serde_json::from_slice(&ended(&mut command(3)).stdout).unwrap();
    fs::remove_file(&duals).unwrap();
    let whole: Value = serde_json::from_slice(&ended(&mut command(2)).stdout).unwrap();
    let number = |found: &Value, key: &str| found[key].as_f64().unwrap();
    assert!((number(&again, "value") - number(&whole, "value")).abs() <= 1e-9 * number(&whole, "value"));
    assert_eq!((&again["status"], &whole["status"]), (&"optimal".into(), &"optimal".into()));
}

#[test]
fn ranks_that_compare_something_else_or_see_no_files_are_named_once() {
    let folder = tempfile::tempdir().unwrap();
    sets(folder.path(), [150, 150]);
    let elsewhere = folder.path().join("elsewhere");
    sets(&elsewhere, [150, 149]);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let told = |second: &[&str], place: &Path| {
        let mut command = mpirun(1);
        command.current_dir(folder.path()).args(["distance", "a", "b", "--metric", "fid"]);
        command.args([":", "-n", "1", "-wdir"]).arg(place).arg(KD2M).args(["distance", "a", "b"]).args(second);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{said}");
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{said}");
        errors[0].to_owned()
    };
    let said = told(&["--metric", "fid"], &empty);
    assert!(said.starts_with("error: rank 1 cannot read what is compared (cannot read a"), "{said}");
    let said = told(&["--metric", "fid"], &elsewhere);
    assert!(said.starts_with("error: rank 1 compares something else: B of 150 × 6 here, B of 149 × 6 there"), "{said}");
    let said = told(&["--metric", "sw2"], folder.path());
    assert!(said.contains("--metric fid here, --metric sw2 there"), "{said}");
    // What one process holds whole is no work for several.
    let mut command = mpirun(2);
    let output =
        command.current_dir(folder.path()).args(["distance", "a", "b", "--metric", "energy"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.matches("error: ").count() == 1, "{said}");
    assert!(said.contains("--metric energy is computed by one process that holds both sets"), "{said}");
}

/// The job of docs/cluster, with an `srun` that starts its processes by `mpirun` and tells each what Slurm tells.
#[test]
fn the_job_of_slurm_trains_and_is_queued_again_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (bin, out) = (folder.path().join("bin"), folder.path().join("photos"));
    fs::create_dir(&bin).unwrap();
    let tool = |name: &str, text: String| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(bin.join(name), format!("#!/bin/bash\n{text}\n")).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let launcher: Vec<String> = std::iter::once(mpirun(2).get_program().to_string_lossy().into_owned())
        .chain(mpirun(2).get_args().map(|word| word.to_string_lossy().into_owned()))
        .collect();
    let launcher = launcher[..launcher.len() - 1].join(" ");
    let ranks = "export SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=$OMPI_COMM_WORLD_RANK; exec \"$0\" \"$@\"";
    tool("srun", format!("[ \"$SLURM_MPI_TYPE\" = pmix ] || exit 9\nshift\nexec {launcher} bash -c '{ranks}' \"$@\""));
    tool("scontrol", format!("echo \"$@\" >> {}", folder.path().join("queued").display()));
    tool("kd2m", format!("exec {KD2M} \"$@\" --allow-weak-teacher --checkpoint-seconds 0 --no-tensorboard"));
    let config = folder.path().join("photos.toml");
    fs::write(&config, "name = \"photos\"\n[data]\ndataset = \"digits\"\ntrain_limit = 300\n[teacher]\nmodel = \"digits-cnn-teacher\"\nepochs = 2\n\
        [student]\nmodel = \"digits-cnn-middle\"\n[train]\nepochs = 12\nbatch_size = 64\nseeds = [1]\n[optim]\nlr = 0.001\n\
        [[arm]]\nname = \"w2\"\n[[arm.loss]]\ncriterion = \"w2\"\nweight = 0.05\n").unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cluster/slurm-mpi.sh");
    let job = |stop: bool| {
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg(script).env("PATH", path).env("CONFIG", &config).env("SCRATCH", folder.path());
        command.env("DATA", folder.path()).env("SLURM_CPUS_PER_TASK", "1").env("SLURM_JOB_ID", "17");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        if stop {
            let begin = Instant::now();
            while !out.join("students").is_dir() {
                if begin.elapsed() > Duration::from_secs(60) || child.try_wait().unwrap().is_some() {
                    return child.wait_with_output().unwrap();
                }
                thread::sleep(Duration::from_millis(5));
            }
            // Slurm signals every process of the step.
            let srun = children(child.id())[0];
            for rank in children(srun) {
                // SAFETY: a signal to a process that this test has started.
                unsafe { libc::kill(rank as i32, libc::SIGTERM) };
            }
        }
        child.wait_with_output().unwrap()
    };
    let stopped = job(true);
    let said = String::from_utf8_lossy(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(143), "{said}");
    assert_eq!(fs::read_to_string(folder.path().join("queued")).unwrap(), "requeue 17\n");
    let finished = job(false);
    assert!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.stderr));
    assert!(out.join("students/w2/seed-1/student.safetensors").is_file());
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
