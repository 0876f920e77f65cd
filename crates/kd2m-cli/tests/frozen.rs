//! Teachers that only answer: ONNX models that are no graphs, and several at once.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
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
        let image = digits.test.image(i).unwrap();
        let pixels: Vec<f64> = image.iter().map(|p| f64::from(*p) * f64::from(digits.scale)).collect();
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

/// Two teachers of different widths, each with a loss of its own: killed and resumed to the same bytes, and refused where a mean is asked for.
#[test]
fn each_loss_has_a_teacher_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut teachers = String::new();
    for (model, classes) in [("mlp-3", 7), ("digits-cnn-student", 10)] {
        let graph = zoo::build(model, &zoo::ZooOptions::new(classes, 1, 8, 8)).unwrap();
        let file = path(&format!("{model}.safetensors"));
        weights::write(Path::new(&file), &init::initialise(&graph, 1), None).unwrap();
        teachers += &format!("[[teacher]]\nmodel = \"{model}\"\nweights = {file:?}\npreset = \"none\"\n");
    }
    let write = |name: &str, losses: &str| {
        let head = "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain_limit = 200\n";
        let rest = "[student]\nmodel = \"digits-cnn-student\"\n[train]\nepochs = 40\nbatch_size = 50\nseeds = [1]\n[[arm]]\nname = \"two\"\n";
        fs::write(path(name), format!("{head}{teachers}{rest}{losses}")).unwrap();
        path(name)
    };
    let loss = |criterion: &str, more: &str| format!("[[arm.loss]]\ncriterion = \"{criterion}\"\n{more}");
    let config = write(
        "c.toml",
        &(loss("w2", "teacher = \"mlp-3\"\n") + &loss("w2", "teacher = 1\n") + &loss("hinton", "teacher = 1\n")),
    );
    let distill = |config: &str, out: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        command.args([
            "distill",
            "--no-baseline",
            "--no-tensorboard",
            "--allow-weak-teacher",
            "--checkpoint-seconds",
            "0",
            "--threads",
            "2",
        ]);
        command.args(["--config", config, "--out", out]).args(more);
        command
    };
    let (whole, broken) = (path("whole"), path("broken"));
    let trained = distill(&config, &whole, &[]).output().unwrap();
    let told = stderr(&trained);
    assert!(trained.status.success() && told.contains("teacher (mlp-3): it tells 7 classes apart"), "{told}");
    let place = "students/two/seed-1";
    let history = fs::read_to_string(path(&format!("whole/{place}/metrics.jsonl"))).unwrap();
    let last: Value = serde_json::from_str(history.lines().last().unwrap()).unwrap();
    let terms: Vec<&String> = last["train"]["terms"].as_object().unwrap().keys().collect();
    assert_eq!(terms, ["hinton@digits-cnn-student", "w2@digits-cnn-student", "w2@mlp-3"]);
    assert!(kd2m(&["eval", &whole]).status.success());
    for attempt in 0.. {
        let mut child = distill(&config, &broken, &["--resume", "--quiet"]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200 + 200 * attempt));
        if child.try_wait().unwrap().is_some_and(|status| status.success()) {
            assert!(attempt > 0, "the run ended before it could be killed: the test has shown nothing");
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    for file in ["student.safetensors", "learned.safetensors"] {
        let of = |run: &str| fs::read(path(&format!("{run}/{place}/{file}"))).unwrap();
        assert!(of("whole") == of("broken"), "{file}");
    }

    let refused = |losses: &str, more: &[&str], words: &str| {
        let output = distill(&write("r.toml", losses), &path("refused"), more).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    };
    refused(&loss("w2", ""), &[], "only networks of equal widths have a mean, which w2 of arm two learns from");
    refused(
        &loss("w2", "teacher = \"c\"\n"),
        &[],
        "\"c\" is none of the teachers: they are called mlp-3, digits-cnn-student",
    );
    refused(
        &loss("hinton", "teacher = \"mlp-3\"\n"),
        &[],
        "hinton@mlp-3 reads the teacher's logits, which are of 7 classes",
    );
    refused(&loss("w2", "teacher = 0\n"), &["--set", "student.head=lift"], "student.head = \"lift\"");
    refused(&loss("w2", "teacher = 0\non = \"stage1\"\n"), &[], "stage1");
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
