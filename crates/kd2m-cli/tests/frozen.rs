//! Teachers that only answer: ONNX models that are no graphs, and several at once.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use kd2m_data::features::{Location, Values, read_features};
use kd2m_nn::{Graph, Weights, init, onnx, weights, zoo};
use serde_json::Value;

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn mlp(seed: u64) -> (Graph, Weights) {
    let graph = zoo::build("mlp-3", &zoo::ZooOptions::new(10, 1, 8, 8)).unwrap();
    let weights = init::initialise(&graph, seed);
    (graph, weights)
}

/// An ONNX model with an activation that no layer of ours is.
fn with_tanh(path: &Path) -> Weights {
    let (graph, weights) = mlp(1);
    let mut bytes = onnx::encode(&graph, &weights).unwrap();
    let places: Vec<usize> = (0..bytes.len() - 4).filter(|at| &bytes[*at..at + 4] == b"Relu").collect();
    assert_eq!(places.len(), 3);
    places.into_iter().for_each(|at| bytes[at..at + 4].copy_from_slice(b"Tanh"));
    fs::write(path, bytes).unwrap();
    weights
}

/// Its features by hand.
fn by_hand(weights: &Weights, pixels: &[f64]) -> Vec<f64> {
    let mut x = pixels.to_vec();
    for layer in ["fc1", "fc2", "fc3"] {
        let tensor = |part: &str| &weights[&format!("{layer}.{part}")].values;
        let (weight, bias) = (tensor("weight"), tensor("bias"));
        let row = |row: &[f32]| row.iter().zip(&x).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
        x = weight.chunks(x.len()).zip(bias).map(|(w, b)| (row(w) + f64::from(*b)).tanh()).collect();
    }
    x
}

#[test]
fn a_model_that_is_no_graph_answers_and_teaches_through_the_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = path("t.onnx");
    let weights = with_tanh(Path::new(&file));
    let model = format!("onnx:{file}");
    let asked = kd2m(&["features", &model, "--data", "digits", "--out", &path("f.npz")]);
    assert!(asked.status.success() && stderr(&asked).contains("which the ONNX runtime runs"), "{}", stderr(&asked));
    let array = Location { path: path("f.npz").into(), key: Some("features".to_owned()) };
    let Values::F32(found) = read_features(&array).unwrap().values else { panic!("features are f32") };
    let digits = kd2m_data::load("digits", None).unwrap();
    for i in [0, 7, 100] {
        let pixels: Vec<f64> = digits.test.image(i).iter().map(|p| f64::from(*p) * f64::from(digits.scale)).collect();
        let right = by_hand(&weights, &pixels);
        let own = &found[128 * i..128 * (i + 1)];
        assert!(own.iter().zip(&right).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5), "image {i}");
    }

    let out = path("run");
    let teacher = format!("teacher.model={model}");
    let run = [
        "distill",
        "--no-tensorboard",
        "--criterion",
        "w2",
        "--seeds",
        "1",
        "--epochs",
        "1",
        "--allow-weak-teacher",
        "--set",
        "data.train_limit=60",
        "--set",
        "student.model=mlp-3",
        "--set",
        &teacher,
        "--out",
        &out,
    ];
    let trained = kd2m(&run);
    let told = stderr(&trained);
    assert!(trained.status.success() && told.contains("is run as it is by the ONNX runtime"), "{told}");
    let summary: Value = serde_json::from_str(&fs::read_to_string(path("run/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["teacher"]["model"], "onnx:t.onnx");
    assert!(summary["teacher"]["test_accuracy"].as_f64().is_some());
    assert!(kd2m(&["eval", &out]).status.success());
    // It is no graph: nothing can be trained, exported or read off its layers.
    let refused = |arguments: &[&str], words: &str| {
        let output = kd2m(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    };
    refused(&["export", &model, "--format", "onnx", "--out", &path("x.onnx")], "it gives features and logits alone");
    let init = format!("teacher.init={model}");
    refused(&[&run[..run.len() - 1], &[&path("other"), "--set", &init]].concat(), "operator Tanh");
}

#[test]
fn several_teachers_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for seed in [1, 2] {
        let (_, values) = mlp(seed);
        weights::write(Path::new(&path(&format!("{seed}.safetensors"))), &values, None).unwrap();
    }
    let teacher = |seed: u64| {
        format!(
            "[[teacher]]\nmodel = \"mlp-3\"\nweights = {:?}\npreset = \"none\"\n",
            path(&format!("{seed}.safetensors"))
        )
    };
    let config = format!(
        "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain_limit = 60\n{}{}[student]\nmodel = \"mlp-3\"\n[train]\nepochs = 1\nseeds = [1]\n\
         [[arm]]\nname = \"w2\"\n[[arm.loss]]\ncriterion = \"w2\"\n",
        teacher(1),
        teacher(2)
    );
    fs::write(path("c.toml"), config).unwrap();
    let (config, out) = (path("c.toml"), path("run"));
    let run = ["distill", "--no-tensorboard", "--allow-weak-teacher", "--config", &config, "--out", &out];
    let trained = kd2m(&run);
    assert!(trained.status.success(), "{}", stderr(&trained));
    let summary: Value = serde_json::from_str(&fs::read_to_string(path("run/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["teacher"]["model"], "mlp-3 + mlp-3");
    let parameters = mlp(1).0.parameter_count();
    assert_eq!(summary["teacher"]["parameters"].as_u64(), Some(2 * parameters as u64));
    assert!(kd2m(&["eval", &out]).status.success());
    // The second is summed too.
    let (_, other) = mlp(3);
    weights::write(Path::new(&path("2.safetensors")), &other, None).unwrap();
    let changed = kd2m(&[&run[..], &["--resume"]].concat());
    assert_eq!(changed.status.code(), Some(2));
    assert!(stderr(&changed).contains("teacher.1.weights"), "{}", stderr(&changed));
}
