//! The student out: export, predict, features and eval of a run and of files, and what is refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use kd2m_cpu::{Network, Options};
use kd2m_data::features::{Location, Values, array_names, read_features, read_labels, read_texts};
use kd2m_nn::{Graph, Weights, onnx, step::Mode, weights};
use serde_json::Value;

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command that must succeed prints.
fn stdout(arguments: &[&str]) -> String {
    let ran = kd2m(arguments);
    assert!(ran.status.success(), "{arguments:?}: {}", stderr(&ran));
    String::from_utf8(ran.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(arguments)).unwrap()
}

/// The last line of what a command says that must be refused as bad input.
fn refusal(arguments: &[&str]) -> String {
    let ran = kd2m(arguments);
    assert_eq!(ran.status.code(), Some(2), "{arguments:?}: {}", stderr(&ran));
    stderr(&ran).lines().last().unwrap().to_owned()
}

/// A run of the digits with two arms, made once.
static RUN: LazyLock<(tempfile::TempDir, String)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run").to_str().unwrap().to_owned();
    let short = ["--epochs", "3", "--seeds", "1", "--set", "teacher.epochs=2", "--allow-weak-teacher"];
    stdout(&[&["distill", "-q", "--no-tensorboard", "--criterion", "w2", "--out", &out][..], &short].concat());
    (folder, out)
});

fn run() -> &'static str {
    &RUN.1
}

/// Logits and features of a few images.
fn answers(graph: &Graph, weights: &Weights) -> (Vec<f32>, Vec<f32>) {
    let n = 5;
    let pixels: Vec<f32> = (0..n * graph.input_shape().len()).map(|i| ((i * 37) % 101) as f32 / 100.0).collect();
    let options = Options { threads: 1, trainable: false, ..Options::default() };
    let mut network = Network::new(graph, weights, options).unwrap();
    network.forward(&pixels, n, Mode::Evaluate).unwrap();
    (network.logits().to_vec(), network.features().to_vec())
}

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn an_onnx_file_gives_the_student_s_answers_and_says_how_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "s.onnx");
    stdout(&["export", run(), "--arm", "w2", "--format", "onnx", "--out", &out]);
    let (graph, read) = onnx::read(Path::new(&out)).unwrap();
    let own = Path::new(run()).join("students/w2/seed-1/student.safetensors");
    assert_eq!(answers(&graph, &read), answers(&graph, &weights::read(&own, &graph).unwrap()));
    let metadata = onnx::open(Path::new(&out), None).unwrap().metadata;
    let names: Vec<String> = serde_json::from_str(&metadata["classes"]).unwrap();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let of = |key: &str| metadata[key].as_str();
    assert_eq!((of("resize"), of("crop"), of("interpolation")), ("squash", "8x8", "bilinear"));
    let program: Value = serde_json::from_str(of("kd2m")).unwrap();
    assert_eq!(
        (&program["model"], &program["version"]),
        (&"digits-cnn-student".into(), &env!("CARGO_PKG_VERSION").into())
    );
    // The best epoch and the teacher are others.
    let best = path(&folder, "best.onnx");
    stdout(&["export", run(), "--arm", "w2", "--best", "--format", "onnx", "--out", &best]);
    let place = Path::new(run()).join("students/w2/seed-1/best.safetensors");
    assert_eq!(onnx::read(Path::new(&best)).unwrap().1, weights::read(&place, &graph).unwrap());
    let teacher = path(&folder, "t.onnx");
    stdout(&["export", run(), "--teacher", "--format", "onnx", "--out", &teacher]);
    assert!(onnx::open(Path::new(&teacher), None).unwrap().metadata["kd2m"].contains("digits-cnn-teacher"));
}

#[test]
fn safetensors_and_a_hub_folder_are_networks_again() {
    let folder = tempfile::tempdir().unwrap();
    let (file, hub) = (path(&folder, "s.safetensors"), path(&folder, "hub"));
    stdout(&["export", run(), "--arm", "w2", "--format", "safetensors", "--out", &file]);
    stdout(&["export", run(), "--arm", "w2", "--format", "hf", "--out", &hub]);
    let expected = json(&["eval", run(), "--arm", "w2", "--json"]);
    for again in [&file, &hub] {
        let found = json(&["eval", again, "--data", "digits", "--json"]);
        assert_eq!((&found["confusion"], &found["ce"]), (&expected["confusion"], &expected["ce"]));
    }
    let config: Value = serde_json::from_slice(&fs::read(Path::new(&hub).join("config.json")).unwrap()).unwrap();
    assert_eq!((&config["num_classes"], &config["pretrained_cfg"]["crop_mode"]), (&10.into(), &"squash".into()));
    let summary: Value = serde_json::from_slice(&fs::read(Path::new(run()).join("summary.json")).unwrap()).unwrap();
    let card = fs::read_to_string(Path::new(&hub).join("README.md")).unwrap();
    let percent = |value: &Value| format!("| {:.2} |", value.as_f64().unwrap());
    let student =
        &summary["students"].as_array().unwrap().iter().find(|s| s["arm"] == "w2").unwrap()["test_accuracy"][0];
    assert!(card.contains(&format!("this network, test {}", percent(student))), "{card}");
    let teacher = format!("its teacher digits-cnn-teacher, test {}", percent(&summary["teacher"]["test_accuracy"]));
    assert!(
        card.contains(&teacher) && card.contains("Distilled by `w2` (") && card.contains("license: other"),
        "{card}"
    );
    // What is there is not written over, and nothing is left beside it.
    let said = refusal(&["export", run(), "--arm", "none", "--format", "hf", "--out", &hub]);
    assert_eq!(said, format!("error: {hub} is there already: choose another --out, or remove it"));
    let mut left: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    left.sort();
    assert_eq!(left, [PathBuf::from(&hub), PathBuf::from(&file)]);
}

#[test]
fn features_are_what_teacher_outputs_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (out, again) = (path(&folder, "f.npz"), path(&folder, "again"));
    stdout(&["features", run(), "--teacher", "--split", "train", "--out", &out]);
    let at = |key: Option<&str>| Location { path: PathBuf::from(&out), key: key.map(str::to_owned) };
    let mut held = array_names(&at(None)).unwrap();
    held.sort();
    assert_eq!(held, ["class_names", "features", "head.bias", "head.weight", "ids", "labels", "logits"]);
    let names = read_texts(&at(Some("class_names"))).unwrap().unwrap();
    assert!(names.len() == 10 && names[7] == "7", "{names:?}");
    let matrix = |key| {
        let found = read_features(&at(Some(key))).unwrap();
        let Values::F32(values) = found.values else { panic!("{key} is not f32") };
        (values, found.n, found.d)
    };
    let ((logits, n, classes), labels) = (matrix("logits"), read_labels(&at(Some("labels"))).unwrap());
    assert_eq!((n, classes, matrix("features").2, labels.len()), (1438, 10, 64, 1438));
    assert_eq!(read_labels(&at(Some("ids"))).unwrap(), (0..1438).collect::<Vec<u32>>());
    let right = logits.chunks(10).zip(&labels).filter(|(row, label)| {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row[**label as usize] == top
    });
    let scores = json(&["eval", run(), "--teacher", "--split", "train", "--json"]);
    assert_eq!(scores["accuracy"].as_f64().unwrap(), 100.0 * right.count() as f64 / 1438.0);
    // A run with these outputs in place of the network.
    let teacher = format!("teacher.outputs={out}");
    let short = ["--criterion", "w2", "--no-baseline", "--epochs", "1", "--seeds", "1", "--set", "data.train_limit=64"];
    let common = ["distill", "-q", "--no-tensorboard", "--set", "teacher.model=", "--set", &teacher, "--out", &again];
    stdout(&[&common[..], &short].concat());
}

#[test]
fn a_class_by_class_evaluation_adds_up_to_the_run_s_own() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "s.onnx");
    stdout(&["export", run(), "--arm", "w2", "--format", "onnx", "--out", &out]);
    for split in ["test", "val"] {
        let all = json(&["eval", run(), "--split", split, "--json"]);
        let own = all.as_array().unwrap().iter().find(|row| row["arm"] == "w2").unwrap();
        let file = format!("onnx:{out}");
        for one in [&["eval", run(), "--arm", "w2"][..], &["eval", &file, "--data", "digits"]] {
            // A file knows nothing of the run's own share of validation.
            if split == "val" && one[1] == file {
                continue;
            }
            let scores = json(&[one, &["--split", split, "--json"]].concat());
            assert_eq!(scores["accuracy"], own["accuracy"]);
            assert!((scores["ce"].as_f64().unwrap() - own["ce"].as_f64().unwrap()).abs() < 1e-6);
            let rows: Vec<Vec<u64>> = serde_json::from_value(scores["confusion"].clone()).unwrap();
            let images: u64 = rows.iter().flatten().sum();
            assert_eq!(scores["images"], images);
            assert_eq!(scores["classes"][3]["images"], rows[3].iter().sum::<u64>());
        }
    }
    let table = stdout(&["eval", run(), "--arm", "w2"]);
    assert!(table.contains("rows: the image's class, columns: the answer"), "{table}");
}

#[test]
fn predictions_are_probabilities_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let image = path(&folder, "x.pgm");
    fs::write(&image, [&b"P5 8 8 255\n"[..], &(0..64).map(|i| i * 3).collect::<Vec<u8>>()].concat()).unwrap();
    let all = json(&["predict", run(), "--arm", "w2", &image, &image, "--top", "10", "--json"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!((&all[0]["image"], &all[0]["classes"]), (&image.as_str().into(), &all[1]["classes"]));
    let p: Vec<f64> =
        all[0]["classes"].as_array().unwrap().iter().map(|c| c["probability"].as_f64().unwrap()).collect();
    assert!(p.len() == 10 && p.is_sorted_by(|a, b| a >= b) && (p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    // The same by hand: the pixels through the network.
    let file = Path::new(run()).join("students/w2/seed-1/student.safetensors");
    let out = path(&folder, "s.onnx");
    stdout(&["export", file.to_str().unwrap(), "--format", "onnx", "--out", &out]);
    let (graph, weights) = onnx::read(Path::new(&out)).unwrap();
    let mut network = Network::new(&graph, &weights, Options { threads: 1, ..Options::default() }).unwrap();
    let pixels: Vec<f32> = (0..64).map(|i| (i * 3) as f32 / 255.0).collect();
    network.forward(&pixels, 1, Mode::Evaluate).unwrap();
    let powers: Vec<f64> = network.logits().iter().map(|x| f64::from(*x).exp()).collect();
    let first = all[0]["classes"][0]["label"].as_u64().unwrap() as usize;
    assert!((powers[first] / powers.iter().sum::<f64>() - p[0]).abs() < 1e-6);
    let shown = stdout(&["predict", run(), "--arm", "w2", &image, "--top", "1"]);
    assert_eq!(shown, format!("{image}\n  {:>6.2} %  {first}\n", 100.0 * p[0]));
}

#[test]
fn half_precision_takes_half_the_room_and_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, file, hub) = (path(&folder, "s.safetensors"), path(&folder, "h.safetensors"), path(&folder, "hub"));
    let of = |format: &str, more: &[&str], out: &str| {
        let common = ["export", run(), "--teacher", "--format", format, "--out", out];
        stdout(&[&common[..], more].concat());
    };
    of("safetensors", &[], &whole);
    of("safetensors", &["--half"], &file);
    of("hf", &["--half"], &hub);
    let size = |place: &Path| fs::metadata(place).unwrap().len() as f64;
    let inside = Path::new(&hub).join("model.safetensors");
    assert_eq!(fs::read(&file).unwrap(), fs::read(&inside).unwrap());
    let share = size(Path::new(&file)) / size(Path::new(&whole));
    assert!((0.5..0.55).contains(&share), "{share}");
    let before = weights::read_any(Path::new(&whole)).unwrap();
    let after = weights::read_any(Path::new(&file)).unwrap();
    for (name, tensor) in &before {
        for (b, a) in tensor.values.iter().zip(&after[name].values) {
            assert!((b - a).abs() <= b.abs() * 2f32.powi(-11) + 2f32.powi(-25), "{name}: {b} {a}");
        }
    }
    assert!(fs::read_to_string(Path::new(&hub).join("README.md")).unwrap().contains("half precision"));
    let accuracy = |place: &str| json(&["eval", place, "--data", "digits", "--json"])["accuracy"].as_f64().unwrap();
    assert!((accuracy(&whole) - accuracy(&file)).abs() < 0.6 && accuracy(&file) == accuracy(&hub));
    let out = path(&folder, "s.onnx");
    for format in ["onnx", "onnx-int8"] {
        let said = refusal(&["export", run(), "--teacher", "--half", "--format", format, "--out", &out]);
        assert!(said.contains("--half belongs to --format safetensors and hf"), "{said}");
    }
}

#[test]
fn what_is_not_clear_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let raw = path(&folder, "raw.safetensors");
    let own = Path::new(run()).join("students/w2/seed-1/student.safetensors");
    weights::write(Path::new(&raw), &weights::read_any(&own).unwrap(), None).unwrap();
    let out = path(&folder, "x.onnx");
    let nothing = path(&folder, "missing/x.onnx");
    let export = |more: &[&'static str]| {
        refusal(&[&["export"], &[&raw[..], "--format", "onnx", "--out", &out][..], more].concat())
    };
    assert_eq!(
        export(&[]),
        format!(
            "error: nothing says which network {raw} has: give --model NAME and --classes C (`kd2m list models` names networks)"
        )
    );
    let model = ["--model", "digits-cnn-student", "--classes", "10"];
    assert!(export(&model).contains("nothing says which size of images"));
    let size = [&model[..], &["--size", "8", "--channels", "1"]].concat();
    assert!(export(&size).contains("nothing says how the pixels of"));
    assert!(export(&[&size[..], &["--preset", "imagnet"]].concat()).contains("did you mean imagenet"));
    assert!(
        export(&[&size[..], &["--preset", "imagenet"]].concat())
            .contains("numbers for three channels, the images have 1")
    );
    stdout(&[&["export", &raw, "--format", "onnx", "--out", &out], &size[..], &["--preset", "none"]].concat());
    let several = refusal(&["export", run(), "--format", "onnx", "--out", &out]);
    assert_eq!(
        several,
        format!(
            "error: {} has several students: choose one with --arm and --seed (none: seed 1; w2: seed 1), or --teacher",
            run()
        )
    );
    assert!(
        refusal(&["export", run(), "--arm", "w1", "--format", "onnx", "--out", &out]).contains("has no such student")
    );
    assert!(
        refusal(&["export", &out, "--best", "--format", "onnx", "--out", &out]).contains("this is a file of weights")
    );
    let arm = ["export", run(), "--arm", "w2", "--format", "onnx", "--out", &nothing];
    assert!(refusal(&arm).starts_with(&format!("error: cannot write {nothing}: ")));
    let file = format!("onnx:{out}");
    assert!(refusal(&["eval", &file]).contains("name the images with --data DATASET"));
    assert!(refusal(&["predict", &file, &raw]).contains("cannot be decoded"));
    assert!(refusal(&["features", run(), "--teacher", "--out", &out]).contains("the file is a .npz"));
}

/// The run's own teacher as an ONNX file, and its accuracy on test.
fn onnx_teacher(folder: &tempfile::TempDir) -> (String, f64) {
    let file = path(folder, "t.onnx");
    stdout(&["export", run(), "--teacher", "--format", "onnx", "--out", &file]);
    let summary: Value = serde_json::from_slice(&fs::read(Path::new(run()).join("summary.json")).unwrap()).unwrap();
    (file, summary["teacher"]["test_accuracy"].as_f64().unwrap())
}

#[test]
fn an_onnx_file_is_a_teacher_frozen_or_trained_further() {
    let folder = tempfile::tempdir().unwrap();
    let (file, accuracy) = onnx_teacher(&folder);
    let model = format!("teacher.model=onnx:{file}");
    let common = [
        "distill",
        "-q",
        "--no-tensorboard",
        "--criterion",
        "w2",
        "--no-baseline",
        "--allow-weak-teacher",
        "--epochs",
        "1",
    ];
    let small = ["--seeds", "1", "--set", "data.train_limit=64", "--set", &model];
    let teacher = |out: &str| -> Value {
        let summary: Value = serde_json::from_slice(&fs::read(Path::new(out).join("summary.json")).unwrap()).unwrap();
        summary["teacher"].clone()
    };
    let frozen = path(&folder, "frozen");
    let ran = kd2m(&[&common[..], &small, &["--out", &frozen]].concat());
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert!(stderr(&ran).contains(&format!(
        "teacher (onnx:t.onnx): pixels are normalised by mean 0.3051, deviation 0.376 ({file} itself)"
    )));
    let found = teacher(&frozen);
    assert_eq!((&found["model"], found["test_accuracy"].as_f64()), (&"onnx:t.onnx".into(), Some(accuracy)));
    // Opened again: the students beside it, its own outputs, itself as a file.
    stdout(&["eval", &frozen]);
    assert_eq!(json(&["eval", &frozen, "--teacher", "--json"])["accuracy"].as_f64(), Some(accuracy));
    let again = path(&folder, "again.onnx");
    stdout(&["export", &frozen, "--teacher", "--format", "onnx", "--out", &again]);
    assert_eq!(onnx::read(Path::new(&again)).unwrap().1, onnx::read(Path::new(&file)).unwrap().1);
    // Trained further it is another.
    let tuned = path(&folder, "tuned");
    let init = format!("teacher.init=onnx:{file}");
    stdout(&[&common[..], &small, &["--set", &init, "--set", "teacher.epochs=1", "--out", &tuned]].concat());
    assert_ne!(teacher(&tuned)["test_accuracy"].as_f64(), Some(accuracy));
    let weights = Path::new(&tuned).join("teacher/teacher.safetensors");
    assert!(weights.is_file() && !Path::new(&frozen).join("teacher/teacher.safetensors").exists());
    assert_eq!(json(&["eval", &tuned, "--teacher", "--json"])["accuracy"], teacher(&tuned)["test_accuracy"]);
}

#[test]
fn an_onnx_teacher_that_does_not_fit_is_refused_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = onnx_teacher(&folder);
    let model = format!("teacher.model=onnx:{file}");
    let refused = |more: &[&str]| {
        let out = path(&folder, "out");
        let flags: Vec<&str> = more.iter().flat_map(|set| ["--set", set]).collect();
        let said =
            refusal(&[&["distill", "-q", "--criterion", "w2", "--out", &out, "--set", &model][..], &flags].concat());
        assert!(!Path::new(&out).join("teacher/summary.json").exists());
        said
    };
    let unknown = refused(&["teacher.features=nosuch"]);
    assert!(unknown.contains("`nosuch` is no value that a layer gives: features can be logits, features"), "{unknown}");
    assert!(
        refused(&["teacher.preset=none"])
            .contains("normalises pixels itself: leave teacher.preset, teacher.mean and teacher.std out")
    );
    assert!(refused(&["teacher.weights=t.pth"]).contains("an ONNX file has its weights in it"));
    assert!(refused(&["teacher.init=other.pth"]).contains("is another file than teacher.model"));
    let missing = refused(&["teacher.model=onnx:nosuch.onnx"]);
    assert!(missing.contains("cannot read nosuch.onnx"), "{missing}");
    let zoo = refused(&["teacher.model=mlp-3", "teacher.features=fc1"]);
    assert!(zoo.contains("teacher.features names a value of an ONNX file"), "{zoo}");
    // Images of another size.
    let other = path(&folder, "other.onnx");
    let student = Path::new(run()).join("students/w2/seed-1/student.safetensors");
    let raw = path(&folder, "raw.safetensors");
    weights::write(Path::new(&raw), &weights::read_any(&student).unwrap(), None).unwrap();
    let size =
        ["--model", "digits-cnn-student", "--classes", "10", "--size", "12", "--channels", "1", "--preset", "none"];
    stdout(&[&["export", &raw, "--format", "onnx", "--out", &other][..], &size].concat());
    let size = refused(&[&format!("teacher.model=onnx:{other}")]);
    assert!(size.contains("sees images of 1×12×12, those of digits are 1×8×8: export it for these"), "{size}");
}

#[test]
fn a_network_on_eight_bits_is_small_and_says_what_that_costs() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "t8.onnx");
    let said = stdout(&["export", run(), "--teacher", "--format", "onnx-int8", "--out", &out]);
    assert!(said.contains("on 8 bits, ranges from 360 validation images"), "{said}");
    let model = onnx::open(Path::new(&out), None).unwrap();
    let accuracy: Value = serde_json::from_str(&model.metadata["accuracy"]).unwrap();
    let of = |key: &str| accuracy[key].as_f64().unwrap();
    let summary: Value = serde_json::from_slice(&fs::read(Path::new(run()).join("summary.json")).unwrap()).unwrap();
    assert_eq!(Some(of("f32")), summary["teacher"]["test_accuracy"].as_f64());
    assert!((of("f32") - of("int8")).abs() < 1.5, "{accuracy}");
    // The file, read again, gives what its card says, and is a quarter as large.
    let file = format!("onnx:{out}");
    assert_eq!(json(&["eval", &file, "--data", "digits", "--json"])["accuracy"], accuracy["int8"]);
    let plain = path(&folder, "t.onnx");
    stdout(&["export", run(), "--teacher", "--format", "onnx", "--out", &plain]);
    let size = |file: &str| fs::metadata(file).unwrap().len() as f64;
    assert!(size(&out) < 0.29 * size(&plain), "{} of {}", size(&out), size(&plain));
    let card = fs::read_to_string(folder.path().join("t8.md")).unwrap();
    assert!(card.contains(&format!("| int8 | {:.2} | {} |", of("int8"), size(&out))), "{card}");
    assert!(
        refusal(&["export", &file, "--format", "onnx-int8", "--out", &out])
            .contains("name the images with --data DATASET")
    );
}

#[test]
fn an_onnx_teacher_of_other_classes_is_taken_by_its_features_alone() {
    let folder = tempfile::tempdir().unwrap();
    // Three of the ten classes: rows of the classifier.
    let (raw, file) = (path(&folder, "raw.safetensors"), path(&folder, "t.onnx"));
    let own = Path::new(run()).join("teacher/teacher.safetensors");
    let mut all = weights::read_any(&own).unwrap();
    for key in ["fc.weight", "fc.bias"] {
        let tensor = all.get_mut(key).unwrap();
        tensor.values.truncate(tensor.values.len() / 10 * 3);
        tensor.shape[0] = 3;
    }
    weights::write(Path::new(&raw), &all, None).unwrap();
    let said =
        ["--model", "digits-cnn-teacher", "--classes", "3", "--size", "8", "--channels", "1", "--preset", "none"];
    stdout(&[&["export", &raw, "--format", "onnx", "--out", &file][..], &said].concat());
    let (model, init) = (format!("teacher.model=onnx:{file}"), format!("teacher.init=onnx:{file}"));
    let out = path(&folder, "out");
    let common = [
        "distill",
        "-q",
        "--no-tensorboard",
        "--no-baseline",
        "--epochs",
        "1",
        "--seeds",
        "1",
        "--set",
        "data.train_limit=64",
    ];
    let ran = kd2m(&[&common[..], &["--criterion", "w2", "--set", &model, "--out", &out]].concat());
    let said = stderr(&ran);
    assert!(ran.status.success(), "{said}");
    assert!(
        said.contains("teacher: it tells 3 classes apart, digits has 10: its logits are not used, its features are"),
        "{said}"
    );
    let logits =
        refusal(&[&common[..], &["--criterion", "hinton", "--set", &model, "--out", &path(&folder, "a")]].concat());
    assert!(logits.contains("which are of 3 classes, the data has 10: choose a criterion on features"), "{logits}");
    let trained = ["--criterion", "w2", "--set", &model, "--set", &init, "--out", &path(&folder, "b")];
    assert!(
        refusal(&[&common[..], &trained].concat()).contains("teacher.init trains a network that tells 3 classes apart")
    );
}
