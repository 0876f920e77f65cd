//! `kd2m reproduce paper` on images made up in CIFAR-10's published layout, with networks small enough for a test.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Records of a label byte and 3,072 pixels; each class has a brightness of its own.
fn batch(count: usize) -> Vec<u8> {
    let record = |i: usize| {
        let label = i % 10;
        let pixel = move |k: usize| (20 + label * 22 + (i * 31 + k * 17) % 13) as u8;
        std::iter::once(label as u8).chain((0..3072).map(pixel)).collect::<Vec<u8>>()
    };
    (0..count).flat_map(record).collect()
}

fn cifar10(root: &Path) {
    let folder = root.join("cifar-10-batches-bin");
    fs::create_dir_all(&folder).unwrap();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        fs::write(folder.join(format!("{name}.bin")), batch(60)).unwrap();
    }
}

fn reproduce(root: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
    command.args(["reproduce", "paper", "--quiet", "--allow-weak-teacher", "--seeds", "1,2", "--data-root"]).arg(root);
    command.args(["--set", "teacher.model=resnet8", "--set", "student.model=resnet8"]).args(more);
    command.arg("--out").arg(root.join("out")).output().unwrap()
}

#[test]
fn rows_are_run_and_every_figure_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    cifar10(root);
    let rows = ["--row", "cifar10/cw2", "--row", "cifar10/teacher", "--weight", "1e-4", "--epochs", "1"];
    let plan = reproduce(root, &[&rows[..], &["--dry-run"]].concat());
    assert!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stderr));
    assert!(!root.join("out").exists());

    let found = reproduce(root, &[&rows[..], &["--json"]].concat());
    assert_eq!(found.status.code(), Some(0), "{}", String::from_utf8_lossy(&found.stderr));
    let judged: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let (teacher, cw2) = (&judged[0], &judged[1]);
    assert_eq!((teacher["row"].as_str(), cw2["row"].as_str()), (Some("cifar10/teacher"), Some("cifar10/cw2")));
    assert_eq!((cw2["published"].as_f64(), cw2["answer"].as_str()), (Some(86.54), Some("not-comparable")));
    assert!(cw2["ours"].as_array().unwrap().len() == 2 && cw2["interval"].is_array());
    let why = cw2["why"].to_string();
    assert!(
        why.contains("teacher is resnet34, not resnet8") && why.contains("train.epochs is 1, the paper's 15"),
        "{why}"
    );
    let text = fs::read_to_string(root.join("out/reproduce.md")).unwrap();
    assert!(text.contains("| cifar10/cw2 | 86.54 | 1e-4 |") && root.join("out/cifar10/table.md").is_file(), "{text}");

    // A data set that is missing does not stop the others.
    let both = reproduce(root, &[&rows[..], &["--row", "svhn/w2", "--json"]].concat());
    assert_eq!(both.status.code(), Some(1), "{}", String::from_utf8_lossy(&both.stderr));
    let judged: Vec<serde_json::Value> = serde_json::from_slice(&both.stdout).unwrap();
    let of = |row: &str| judged.iter().find(|j| j["row"] == row).unwrap();
    assert!(of("svhn/w2")["why"].to_string().contains("nothing was run"), "{judged:?}");
    assert_eq!(of("cifar10/cw2")["ours"], cw2["ours"]);

    // A start from a file, here a student of the first run: other runs than those that are there.
    let start = root.join("out/cifar10/runs/cifar10-resnet8-resnet8/students/none/seed-1/student.safetensors");
    let start = start.to_str().unwrap();
    let again = reproduce(root, &[&rows[..], &["--student-init", start]].concat());
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("trained with another configuration"));
    let fresh = root.join("fresh");
    fs::create_dir(&fresh).unwrap();
    cifar10(&fresh);
    let with = reproduce(&fresh, &[&rows[..], &["--student-init", start, "--teacher-init", start]].concat());
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stderr));
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |more: &[&str]| {
        let found = reproduce(folder.path(), more);
        assert_eq!(found.status.code(), Some(2));
        String::from_utf8_lossy(&found.stderr).into_owned()
    };
    assert!(fails(&["--row", "cifar10/cw3"]).contains("did you mean cifar10/cw2"));
    assert!(fails(&["--row", "svhn/w2"]).contains("svhn"));
}
