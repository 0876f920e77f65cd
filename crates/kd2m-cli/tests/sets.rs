//! `kd2m distance` on sets in many files: shards of a folder or a pattern give what one file gives, nothing else does, and potentials that
//! were kept are begun from.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use kd2m_data::features::write_matrix;
use serde_json::Value;

/// a.npy and b.npy, and the same in shards below a/ and b/.
struct Folder(tempfile::TempDir);

const D: usize = 4;
const N: [usize; 2] = [230, 310];

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, n, shift) in [("a", N[0], 0.0f32), ("b", N[1], 0.4)] {
            let number = |k: usize| ((k * 7919 + k * k % 991) % 1009) as f32 / 1009.0 + shift;
            let values: Vec<f32> = (0..n * D).map(number).collect();
            write_matrix(&folder.path(&format!("{name}.npy")), n, D, values.iter().copied()).unwrap();
            fs::create_dir(folder.path(name)).unwrap();
            for (k, rows) in values.chunks(97 * D).enumerate() {
                let shard = folder.path(&format!("{name}/part-{k:02}.npy"));
                write_matrix(&shard, rows.len() / D, D, rows.iter().copied()).unwrap();
            }
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        command.current_dir(self.0.path()).arg("distance").args(arguments.split_whitespace()).output().unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        let output = self.run(&format!("{arguments} --json"));
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments}: {said}");
        said.trim_end().strip_prefix("error: ").unwrap().to_owned()
    }
}

#[test]
fn shards_give_what_one_file_gives() {
    let folder = Folder::new();
    let tiles = ["bounds", "sinkhorn", "mmd-rbf", "fid", "sw2", "w2", "w2 --set memory=0", "w1 --set memory=0"];
    // The last two hold both sets whole.
    for metric in tiles.into_iter().chain(["energy", "gaussian-kl"]) {
        let of = |sets: &str| folder.json(&format!("{sets} --metric {metric}"));
        let whole = of("a.npy b.npy");
        for sets in ["a b", "a/part-*.npy b.npy", "a.npy b"] {
            let found = of(sets);
            let (x, y) = (found["value"].as_f64().unwrap(), whole["value"].as_f64().unwrap());
            let tolerance = if metric == "sinkhorn" { 1e-3 } else { 2e-5 };
            assert!((x - y).abs() <= tolerance * y, "{metric} of {sets}: {x} {y}");
            assert_eq!((&found["n"], &found["m"], &found["status"]), (&N[0].into(), &N[1].into(), &whole["status"]));
        }
    }
    // What is as large as the sets is made of sets that are held; a sparse plan is not.
    for more in
        ["sinkhorn --grad-out gradient.npy", "w2 --grad-out gradient.npy", "w2 --set memory=0 --plan-out plan.npz"]
    {
        folder.json(&format!("a b --metric {more}"));
    }
    assert!(folder.path("gradient.npy").is_file() && folder.path("plan.npz").is_file());
    let all = folder.json("a b --metric all");
    assert!(all.as_array().unwrap().len() > 20);
    // Weights go with the rows of all files; f64 on one side widens the other.
    fs::write(folder.path("weights"), (0..N[0]).map(|i| format!("{}\n", i % 3)).collect::<String>()).unwrap();
    let of = |sets: &str| folder.json(&format!("{sets} --metric w2 --set memory=0 --weights-a weights"));
    let (x, y) = (of("a b")["value"].as_f64().unwrap(), of("a.npy b.npy")["value"].as_f64().unwrap());
    assert!((x - y).abs() < 1e-9 * y, "{x} {y}");
    write_matrix(&folder.path("wide.npy"), 50, D, (0..50 * D).map(|k| (k % 13) as f64)).unwrap();
    assert_eq!(folder.json("a wide.npy --metric fid")["precision"], "f64");
}

#[test]
fn what_is_no_set_is_refused_before_anything_is_computed() {
    let folder = Folder::new();
    fs::remove_file(folder.path("b/part-01.npy")).unwrap();
    for metric in ["w2", "bounds", "energy"] {
        let said = folder.refused(&format!("a b --metric {metric}"));
        assert!(said.ends_with("is followed by b/part-02.npy: number 1 is missing"), "{said}");
    }
    let whole = fs::read(folder.path("a/part-01.npy")).unwrap();
    fs::write(folder.path("b/part-01.npy"), &whole[..whole.len() - 1]).unwrap();
    assert!(folder.refused("a b --metric sw2").starts_with("b/part-01.npy: the header claims"), "a cut file");
    write_matrix(&folder.path("b/part-01.npy"), 2, D + 1, [0f32; 2 * (D + 1)]).unwrap();
    assert!(folder.refused("a b --metric fid").starts_with("b/part-01.npy: has 5 columns"), "another width");
    write_matrix(&folder.path("b/part-01.npy"), 2, D, [0f64; 2 * D]).unwrap();
    assert!(folder.refused("a b --metric mmd-rbf").starts_with("b/part-01.npy: is of type f64"), "another type");
    let mut values = [0f32; 2 * D];
    values[D + 1] = f32::INFINITY;
    write_matrix(&folder.path("b/part-01.npy"), 2, D, values).unwrap();
    for metric in ["w2 --set memory=0", "bounds", "sinkhorn"] {
        let said = folder.refused(&format!("a b --metric {metric}"));
        assert_eq!(said, "B: row 98, column 1 is inf: features must be finite", "{metric}");
    }
    assert!(folder.refused("a nothing/part-*.npy --metric w2").contains("nothing"), "no folder");
}

#[test]
fn potentials_are_kept_for_another_time_and_never_change_the_answer() {
    let folder = Folder::new();
    let first = folder.json("a.npy b.npy --metric w2 --duals duals.npy");
    assert!(folder.path("duals.npy").is_file());
    let again = folder.json("a b --metric w2 --duals duals.npy");
    let number = |found: &Value, key: &str| found[key].as_f64().unwrap();
    assert!((number(&first, "value") - number(&again, "value")).abs() <= 1e-9 * number(&first, "value"));
    assert!(number(&again, "iterations") < number(&first, "iterations") / 4.0, "{first} {again}");
    // Any numbers are allowed: they only take longer.
    write_matrix(&folder.path("odd.npy"), N[1], 1, (0..N[1]).map(|j| (j % 7) as f64)).unwrap();
    let odd = folder.json("a b --metric w2 --duals odd.npy");
    assert!((number(&first, "value") - number(&odd, "value")).abs() <= 1e-9 * number(&first, "value"));

    let said = folder.refused("b a --metric w2 --duals duals.npy");
    assert_eq!(
        said,
        "--duals duals.npy: holds 310 potentials, B has 230 samples: they are of other sets, name another file"
    );
    let said = folder.refused("a b --metric sw2 --duals duals.npy");
    assert_eq!(said, "--duals keeps potentials of an exact plan: take it with w2 or w1");
    assert!(
        folder.refused("a b --metric energy --duals duals.npy").contains("is computed by one process that holds both")
    );
    assert!(folder.refused("a b --metric w2 --duals gone/duals.npy").contains("the folder gone does not exist"));
    fs::write(folder.path("text.npy"), "1\nNaN\n").unwrap();
    assert!(folder.refused("a b --metric w2 --duals text.npy").contains("holds 2 potentials"));
}

// With MPI a limit on files is one on its own beginning, too; tests/mpi.rs fills the disk later.
#[cfg(all(unix, not(any(feature = "mpi", feature = "mpi-pure"))))]
#[test]
fn a_full_disk_under_what_is_kept_is_exit_code_1_and_no_half_file() {
    let folder = Folder::new();
    // No file may grow beyond a block, and the signal that says so is ignored: writing fails as on a full disk.
    let program = env!("CARGO_BIN_EXE_kd2m");
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {program} distance a b --metric w2 --duals duals.npy");
    let output = Command::new("bash").current_dir(folder.0.path()).arg("-c").arg(script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: cannot write duals.npy: ") && said.lines().count() == 1, "{said}");
    let names: Vec<_> = fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

#[cfg(not(any(feature = "mpi", feature = "mpi-pure")))]
#[test]
fn processes_that_know_nothing_of_each_other_are_refused() {
    let folder = Folder::new();
    for (size, rank, by) in [
        ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "MPI"),
        ("PMI_SIZE", "PMI_RANK", "MPI"),
        ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun"),
    ] {
        let started = |count: &str, at: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
            command.current_dir(folder.0.path()).args(["distance", "a", "b", "--metric", "fid"]);
            // None of another launcher's that tests are run by.
            for name in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_PMI_SIZE", "SLURM_STEP_NUM_TASKS"] {
                command.env_remove(name);
            }
            command.env(size, count).env(rank, at).output().unwrap()
        };
        let first = started("4", "0");
        let said = String::from_utf8(first.stderr).unwrap();
        assert_eq!(first.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("error: {by} has started 4 processes, but ")), "{said}");
        // One of them speaks.
        let second = started("4", "2");
        assert_eq!((second.status.code(), second.stderr.len()), (Some(2), 0));
        assert!(started("1", "0").status.success());
    }
}
