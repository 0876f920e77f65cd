//! Values that no run has, and disks that take nothing: each is one sentence with the exit code of the reference.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

const QUICK: [&str; 14] = [
    "distill",
    "-q",
    "--json",
    "--no-tensorboard",
    "--threads",
    "1",
    "--allow-weak-teacher",
    "--epochs",
    "1",
    "--set",
    "teacher.epochs=1",
    "--set",
    "data.train_limit=60",
    "--no-baseline",
];

fn distill(out: &Path, more: &[&str]) -> Output {
    kd2m(&[&QUICK[..], &["--out", out.to_str().unwrap()], more].concat())
}

fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
}

/// Fault 17 of the reliability notes, as far as run folders go.
#[test]
fn odd_names_and_numbers_are_refused_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let config = format!(
        "name = \"x\"\n[data]\ndataset = \"digits\"\n[teacher]\nmodel = \"mlp-3\"\n[student]\nmodel = \"mlp-3\"\n\
         [[arm]]\nname = \"{}\"\n[[arm.loss]]\ncriterion = \"w2\"\n",
        "a".repeat(300)
    );
    let file = folder.path().join("c.toml");
    fs::write(&file, config).unwrap();
    let words = ["arm name aaaa", "of 300 bytes: at most 100, as it names a folder"];
    assert_refused(&distill(&out, &["--config", file.to_str().unwrap()]), 2, &words);
    assert!(!out.exists());
    // Weights that are not finite, in a run of an older version, whose files have no checksums.
    let run = ["--criterion", "mse", "--seeds", "1"];
    assert!(distill(&out, &run).status.success());
    fs::remove_file(out.join("inputs.json")).unwrap();
    let weights = out.join("students/mse/seed-1/student.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&weights, bytes).unwrap();
    for command in ["eval", "bound", "report"] {
        let words = [weights.to_str().unwrap(), "NaN"];
        assert_refused(&kd2m(&[command, out.to_str().unwrap()]), 2, &words);
    }
}

/// Fault 17, too: a disk that is full is no bad input. A limit on the size of files stands for it, which needs no disk of its own.
#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_is_exit_code_1_and_the_run_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let more = ["--criterion", "mse", "--seeds", "1"];
    // Blocks of 512 bytes: room for the configuration, none for a network.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 12; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_kd2m")]);
    let limited = limited.args(QUICK).args(more).arg("--out").arg(&out).output().unwrap();
    assert_refused(&limited, 1, &["error: cannot write ", ".safetensors"]);
    let litter = Command::new("find").arg(&out).args(["-name", ".kd2m-*", "-o", "-name", ".*.safetensors.*"]).output();
    assert!(litter.unwrap().stdout.is_empty());
    assert!(distill(&out, &[&more[..], &["--resume"]].concat()).status.success());
}
