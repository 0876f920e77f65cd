//! The whole way on a folder of images without labels: a teacher that was trained elsewhere, a student of it, and what the student then does.

mod picture;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use kd2m_data::features::{Location, read_features};
use picture::{png, put};
use serde_json::Value;

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

fn done(arguments: &[&str]) -> String {
    let found = kd2m(arguments);
    assert!(found.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8_lossy(&found.stdout).into_owned()
}

#[test]
fn a_student_learns_from_images_without_labels() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    // Two classes of greys, for the teacher.
    for (class, grey) in [("dark", 10), ("light", 150)] {
        for i in 0..12 {
            put(Path::new(&place(&format!("labelled/{class}/{i}.png"))), &png(grey + 8 * i));
        }
    }
    // Other greys in one heap, some of them deeper down.
    for i in 0..40_u8 {
        let below = if i % 4 == 0 { "more/" } else { "" };
        put(Path::new(&place(&format!("heap/{below}{i}.png"))), &png(6 * i));
    }
    fs::write(place("c.toml"), CONFIG).unwrap();
    let (config, labelled, heap) = (place("c.toml"), place("labelled"), place("heap"));
    let (of_labelled, of_heap) = (format!("data.dataset=folder:{labelled}"), format!("data.dataset=folder:{heap}"));
    let quiet = ["-q", "--no-tensorboard", "--config", &config];
    let out = place("teacher");
    done(&[&["train"], &quiet[..], &["--set", &of_labelled, "--out", &out]].concat());
    let weights = format!("teacher.weights={}", place("teacher/teacher/teacher.safetensors"));
    let run = place("run");
    let student = ["--no-baseline", "--criterion", "w2", "--set", &of_heap, "--set", &weights, "--out", &run];
    let student = [&["distill"], &quiet[..], &student].concat();
    // With cross entropy there is nothing to learn.
    let refused = kd2m(&student);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.contains("data.dataset has one class, unlabelled") && said.contains("train.ce_weight=0"), "{said}");
    let found = kd2m(&[&student[..], &["--set", "train.ce_weight=0"]].concat());
    let said = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(found.status.success(), "{said}");
    assert!(
        said.contains("heap/ holds images without classes, so they are unlabelled: 8 of 40 images are kept"),
        "{said}"
    );
    // It came nearer to the teacher, and the best epoch is the one that came nearest.
    let text = fs::read_to_string(place("run/students/w2/seed-1/metrics.jsonl")).unwrap();
    let epochs: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [losses, w2] = ["loss", "w2"].map(|what| {
        let of = |epoch: &Value| match what {
            "loss" => epoch["val"]["loss"].as_f64(),
            _ => epoch["w2_to_teacher"].as_f64(),
        };
        epochs.iter().map(|epoch| of(epoch).unwrap()).collect::<Vec<f64>>()
    });
    assert!(w2[w2.len() - 1] < 0.5 * w2[0], "{w2:?}");
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(place("run/students/w2/seed-1/summary.json")).unwrap()).unwrap();
    let best = summary["best_val_epoch"].as_u64().unwrap() as usize;
    assert_eq!(losses[best - 1], least, "{losses:?}");
    // What it is then for.
    assert!(done(&["eval", &run]).contains("w2"));
    assert!(done(&["predict", &run, "--arm", "w2", &place("heap/1.png")]).contains("unlabelled"));
    let images = format!("folder:{heap}");
    done(&["features", &run, "--arm", "w2", "--best", "--data", &images, "--split", "train", "--out", &place("f.npz")]);
    let features = read_features(&Location { path: place("f.npz").into(), key: Some("features".to_owned()) }).unwrap();
    assert_eq!(features.n, 32);
    done(&["export", &run, "--arm", "w2", "--format", "onnx", "--out", &place("s.onnx")]);
    assert!(done(&["predict", &format!("onnx:{}", place("s.onnx")), &place("heap/1.png")]).contains("100.00 %"));
}

/// A heap of images beside those with labels, which cross entropy sees alone.
#[test]
fn images_of_a_folder_stand_beside_those_with_labels() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    for (class, grey) in [("dark", 10), ("light", 150)] {
        for i in 0..12 {
            put(Path::new(&place(&format!("labelled/{class}/{i}.png"))), &png(grey + 8 * i));
        }
    }
    (0..30_u8).for_each(|i| put(Path::new(&place(&format!("heap/{}/{i}.png", i % 3))), &png(8 * i)));
    put(Path::new(&place("heap/1/cut.png")), &png(9)[..60]);
    fs::write(place("c.toml"), CONFIG).unwrap();
    let (config, run) = (place("c.toml"), place("run"));
    let sets = [
        format!("data.dataset=folder:{}", place("labelled")),
        format!("data.unlabelled=folder:{}", place("heap")),
        "data.epoch_images=48".to_owned(),
    ];
    let asked = |more: &[&str]| {
        let mut arguments = vec![
            "distill",
            "--no-tensorboard",
            "--allow-weak-teacher",
            "--config",
            &config,
            "--criterion",
            "w2",
            "--out",
            &run,
        ];
        sets.iter().for_each(|set| arguments.extend(["--set", set]));
        arguments.extend(more);
        kd2m(&arguments)
    };
    let refused = asked(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("heap/1/cut.png: cannot be decoded ("), "{said}");
    let found = asked(&["--skip-bad"]);
    let said = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(found.status.success(), "{said}");
    assert!(said.contains("heap/: 1 of 31 images cannot be decoded and are left out"), "{said}");
    // 24 images, of which 4 are tested and 6 validated on.
    assert!(said.contains("14 and 30 without labels to train on, 6 to validate on, 4 to test on"), "{said}");
    // What has a label is what is evaluated.
    let train = done(&["eval", &run, "--arm", "w2", "--split", "train", "--json"]);
    let scores: Value = serde_json::from_str(&train).unwrap();
    assert_eq!(scores["images"], 20);
    // Another heap is another data set.
    fs::remove_file(place("heap/2/2.png")).unwrap();
    let other = kd2m(&["eval", &run]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("is not what this run was made with"), "{other:?}");
}

const CONFIG: &str = r#"
    name = "unlabelled"
    [data]
    dataset = "digits"
    augment = "flip"
    val_fraction = 0.3
    [teacher]
    model = "mlp-3"
    [student]
    model = "mlp-3"
    [train]
    epochs = 12
    batch_size = 8
    seeds = [1]
    [optim]
    lr = 0.05
"#;
