//! Transformers and convolutional networks teach each other: features, tokens and maps of other widths and sizes, what is left out while training,
//! rates by depth, through the program.

use std::{fs, path::Path, process::Command};

use kd2m_nn::weights;
use serde_json::Value;

/// A run on a few digits.
fn config(teacher: &str, student: &str, arms: &str) -> String {
    format!(
        r#"
        name = "transformers"
        [data]
        dataset = "digits"
        train_limit = 40
        [teacher]
        model = "{teacher}"
        train_limit = 64
        epochs = 1
        [student]
        model = "{student}"
        drop_path = 0.3
        dropout = 0.1
        [train]
        epochs = 1
        batch_size = 16
        seeds = [1]
        [optim]
        algorithm = "adamw"
        lr = 1e-3
        weight_decay = 0.05
        decay = "weights"
        layer_decay = 0.8
        clip_norm = 1.0
        {arms}
        "#
    )
}

fn kd2m(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

/// Distils; the sizes of what each arm has learned beside its student.
fn learned(folder: &Path, text: &str, arms: &[&str]) -> Vec<Vec<(String, Vec<usize>)>> {
    let (file, out) = (folder.join("run.toml"), folder.join("out"));
    fs::write(&file, text).unwrap();
    let [file, place] = [&file, &out].map(|path| path.to_str().unwrap());
    let said = kd2m(&[
        "distill",
        "-q",
        "--no-tensorboard",
        "--allow-weak-teacher",
        "--threads",
        "2",
        "--config",
        file,
        "--out",
        place,
    ]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let summary: Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    let students = summary["students"].as_array().unwrap();
    assert_eq!(students.len(), arms.len() + 1);
    assert!(students.iter().all(|student| student["test_accuracy_mean"].as_f64().is_some_and(f64::is_finite)));
    let of = |arm: &&str| {
        let place = out.join(format!("students/{arm}/seed-1"));
        let all = weights::read_any(&place.join("learned.safetensors")).unwrap();
        all.into_iter().map(|(key, tensor)| (key, tensor.shape)).collect()
    };
    arms.iter().map(of).collect()
}

const ARMS: &str = r#"
    [[arm]]
    name = "features"
    [[arm.loss]]
    criterion = "w2"
    [[arm]]
    name = "stages"
    [[arm.loss]]
    criterion = "fitnet"
    stages = ["CNN2:block-6"]
    [[arm.loss]]
    criterion = "at"
    weight = 10.0
    stages = ["CNN1:block-3", "CNN2:block-6-tokens"]
    [[arm.loss]]
    criterion = "w2"
    on = "CNN3:block-12-class"
"#;

/// The arms for a pair whose convolutional network is the student, or the teacher.
fn arms(student_is_cnn: bool) -> String {
    let mut arms = ARMS.to_owned();
    for (number, token) in [("1", "block-3"), ("2", "block-6-tokens"), ("2", "block-6"), ("3", "block-12-class")] {
        let (cnn, pair) = (format!("layer{number}"), format!("CNN{number}:{token}\""));
        let right = if student_is_cnn { format!("{cnn}:{token}\"") } else { format!("{token}:{cnn}\"") };
        arms = arms.replace(&pair, &right);
    }
    arms
}

fn has(learned: &[(String, Vec<usize>)], end: &str, shape: [usize; 2]) -> bool {
    learned.iter().any(|(key, own)| key.ends_with(end) && *own == shape)
}

#[test]
fn a_transformer_teaches_a_convolutional_network_of_another_width() {
    let folder = tempfile::tempdir().unwrap();
    let found = learned(folder.path(), &config("vit_tiny_cifar", "resnet8", &arms(true)), &["features", "stages"]);
    assert!(has(&found[0], "projector.weight", [192, 64]), "{found:?}");
    // 32 channels of `layer2` to 192 of a token, 64 of `layer3` to a class token.
    assert!(has(&found[1], "weight", [192, 32]) && has(&found[1], "projector.weight", [192, 64]), "{found:?}");
    // The student is a network as every other: nothing of what was left out is in it.
    let run = folder.path().join("out");
    let said = kd2m(&["eval", run.to_str().unwrap(), "--arm", "stages", "--seed", "1", "--json"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let file = folder.path().join("student.onnx");
    let asked = ["export", run.to_str().unwrap(), "--arm", "stages", "--seed", "1", "--format", "onnx", "--out"];
    assert!(kd2m(&[&asked[..], &[file.to_str().unwrap()]].concat()).status.success());
    let said = kd2m(&["eval", &format!("onnx:{}", file.display()), "--data", "digits", "--json"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn a_convolutional_network_teaches_a_transformer_of_another_width() {
    let folder = tempfile::tempdir().unwrap();
    let found = learned(folder.path(), &config("resnet8", "vit_tiny_cifar", &arms(false)), &["features", "stages"]);
    assert!(has(&found[0], "projector.weight", [64, 192]), "{found:?}");
    assert!(has(&found[1], "weight", [32, 192]) && has(&found[1], "projector.weight", [64, 192]), "{found:?}");
    // On eight bits it is the network that it was, nearly.
    let (run, file) = (folder.path().join("out"), folder.path().join("student.onnx"));
    let [place, out] = [&run, &file].map(|path| path.to_str().unwrap());
    let asked = ["export", place, "--arm", "features", "--seed", "1", "--format", "onnx-int8", "--out", out];
    let said = kd2m(&asked);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = kd2m(&["eval", &format!("onnx:{out}"), "--data", "digits", "--json"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// What the networks do not have is said before anything is trained.
#[test]
fn what_cannot_be_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |set: &str| {
        let file = folder.path().join("run.toml");
        fs::write(&file, config("vit_tiny_cifar", "resnet8", &arms(true))).unwrap();
        let said = kd2m(&["distill", "--config", file.to_str().unwrap(), "--print-config", "--set", set]);
        assert_eq!(said.status.code(), Some(2), "{set}");
        String::from_utf8(said.stderr).unwrap()
    };
    let why = refused("student.model=vgg8");
    assert!(why.contains("student.drop_path cannot be: vgg8 has no block with a way around it"), "{why}");
    assert!(refused("student.drop_path=1").contains("student.drop_path is 1: from 0 to below 1"));
    assert!(refused("optim.layer_decay=0").contains("optim.layer_decay is 0: above 0, at most 1"));
    let why = refused("arm.1.loss.2.on=layer3:block-13");
    assert!(why.contains("the teacher has no stage `block-13`; did you mean block-1"), "{why}");
    let why = refused("student.head=teacher");
    assert!(why.contains("set student.dropout = 0"), "{why}");
    let shown = kd2m(&["list", "models", "vit_tiny_cifar"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for stage in ["block-1 (192 × 8 × 8)", "block-12-class (192 × 1 × 1)", "block-12-tokens (192 × 65 × 1)"] {
        assert!(shown.contains(stage), "{shown}");
    }
}
