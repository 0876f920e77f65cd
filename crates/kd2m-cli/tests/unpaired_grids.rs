//! The grids that ask on of unpaired teachers are planned from the files of the repository; one whose teacher is a file of outputs is given one.

use std::{path::Path, process::Command};

use kd2m::teacher::{Head, StoredOutputs};
use kd2m_nn::init::uniform;

#[test]
fn grids_of_unpaired_teachers_are_planned() {
    let folder = tempfile::tempdir().unwrap();
    let bank = folder.path().join("bank.safetensors");
    let outputs = StoredOutputs {
        features: uniform(1, "features", 200 * 64, 1.0),
        width: 64,
        logits: None,
        classes: 10,
        labels: Some((0..200).map(|i| i % 10).collect()),
        ids: None,
        head: Some(Head { weight: uniform(1, "weight", 640, 0.1), bias: vec![0.0; 10] }),
        class_names: Vec::new(),
    };
    outputs.write(&bank).unwrap();
    let given = format!("teacher.outputs={}", bank.display());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    // `none` and the file's arms at ten seeds, candidates of those that have a weight, and a teacher.
    for (grid, sets, units) in [
        ("bench-digits-from-mnist", &[given.as_str()][..], 11 * 10 + 9 * 5 * 3 + 1),
        ("bench-digits-cloud", &["train.batch_size=32"], 5 * 10 + 3 * 4 * 2 + 1),
        ("bench-digits-shares", &[], 6 * 10 + 4 * 5 * 3 + 1),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        command.arg("bench").arg(root.join(format!("{grid}.toml"))).args(["--dry-run", "--json", "--out"]);
        command.arg(folder.path().join(grid)).args(sets.iter().flat_map(|set| ["--set", set]));
        let planned = command.output().unwrap();
        assert!(planned.status.success(), "{grid}: {}", String::from_utf8_lossy(&planned.stderr));
        let plan: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
        assert_eq!(plan["units"], units, "{grid}: {plan}");
        assert!(plan["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{grid}: {plan}");
    }
}
