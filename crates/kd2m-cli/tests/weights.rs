//! Weights that are given: through which eyes they see the data, which of several is taken, what is refused before anything is trained.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use kd2m_nn::weights;
use serde_json::Value;

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A teacher of the digits that was trained on pixels in 0…1 as they are: its file and its accuracy on test.
fn raw_teacher(folder: &Path) -> (PathBuf, f64) {
    let out = folder.join("raw");
    let ran = kd2m(&[
        "train",
        "--quiet",
        "--set",
        "teacher.preset=none",
        "--set",
        "teacher.epochs=3",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert!(stderr(&ran).contains("teacher: pixels are normalised by mean 0, deviation 1 (teacher.preset = \"none\")"));
    let summary = json(&out.join("summary.json"));
    assert_eq!(summary["teacher"]["normalisation"]["std"], serde_json::json!([1.0]));
    (out.join("teacher/teacher.safetensors"), summary["teacher"]["test_accuracy"].as_f64().unwrap())
}

/// A short run with this teacher; `more` are further flags.
fn distil(out: &Path, teacher: &str, more: &[&str]) -> Output {
    let weights = format!("teacher.weights={teacher}");
    let common = ["distill", "--quiet", "--criterion", "w2", "--no-baseline", "--allow-weak-teacher", "--epochs", "1"];
    let own = ["--seeds", "1", "--set", "data.train_limit=128", "--set", &weights, "--out", out.to_str().unwrap()];
    kd2m(&[&common[..], &own, more].concat())
}

#[test]
fn our_own_files_say_how_they_were_trained_and_every_command_follows() {
    let folder = tempfile::tempdir().unwrap();
    let (teacher, accuracy) = raw_teacher(folder.path());
    let out = folder.path().join("run");
    let ran = distil(&out, teacher.to_str().unwrap(), &[]);
    let said = stderr(&ran);
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("mean 0, deviation 1 (the metadata of ") && said.contains("teacher.safetensors"), "{said}");
    assert!(said.contains("warning: teacher (") && said.contains("not digits's own normalisation (mean "), "{said}");
    assert_eq!(json(&out.join("summary.json"))["teacher"]["test_accuracy"].as_f64(), Some(accuracy));
    let student = weights::metadata(&out.join("students/w2/seed-1/student.safetensors")).unwrap();
    let student: Value = serde_json::from_str(&student).unwrap();
    assert!(student["std"][0].as_f64().unwrap() < 0.9, "the student keeps the data's own: {student}");
    // Asked to be blind to it, it is: the same file is worse.
    let blind = folder.path().join("blind");
    assert!(distil(&blind, teacher.to_str().unwrap(), &["--set", "teacher.preset=dataset"]).status.success());
    assert!(json(&blind.join("summary.json"))["teacher"]["test_accuracy"].as_f64().unwrap() < accuracy);
    for command in ["eval", "bound"] {
        let ran = kd2m(&[command, out.to_str().unwrap()]);
        let said = stderr(&ran);
        assert!(ran.status.success(), "{said}");
        assert!(said.contains("teacher: pixels are normalised by mean 0, deviation 1 "), "{said}");
        assert!(said.contains("warning: teacher: ") && said.contains("student w2, seed 1: pixels"), "{said}");
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (teacher, _) = raw_teacher(folder.path());
    let spoilt = |key: &str, number: f32| {
        let mut all = weights::read_any(&teacher).unwrap();
        all.get_mut(key).unwrap().values[3] = number;
        let path = folder.path().join(format!("{key}.safetensors"));
        weights::write(&path, &all, weights::metadata(&teacher).as_deref()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let out = folder.path().join("run");
    for (key, number, words) in [
        ("fc.bias", f32::NAN, "fc.bias holds 1 NaN of 10"),
        ("bn2.running_var", f32::INFINITY, "bn2.running_var holds 1 inf of 32"),
        ("conv1.weight", f32::NEG_INFINITY, "conv1.weight holds 1 inf of 288"),
    ] {
        let file = spoilt(key, number);
        let student = format!("student.weights={file}");
        let as_student = ["--set", &student, "--set", "student.model=digits-cnn-teacher"];
        for ran in [distil(&out, &file, &[]), distil(&out, teacher.to_str().unwrap(), &as_student)] {
            let said = stderr(&ran);
            assert_eq!(ran.status.code(), Some(2), "{said}");
            assert!(said.contains(words) && said.contains(&file), "{said}");
            assert!(!out.exists());
        }
    }
    // In a saved run too.
    assert!(distil(&out, teacher.to_str().unwrap(), &[]).status.success());
    let student = out.join("students/w2/seed-1/student.safetensors");
    let mut all = weights::read_any(&student).unwrap();
    all.get_mut("fc.bias").unwrap().values[0] = f32::NAN;
    weights::write(&student, &all, weights::metadata(&student).as_deref()).unwrap();
    // Its checksum would tell first; a run of an older version has none.
    fs::remove_file(out.join("inputs.json")).unwrap();
    for command in ["eval", "bound"] {
        let ran = kd2m(&[command, out.to_str().unwrap()]);
        let said = stderr(&ran);
        assert!(
            ran.status.code() == Some(2) && said.contains("student.safetensors: fc.bias holds 1 NaN of 10"),
            "{said}"
        );
    }
}

#[test]
fn a_student_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (teacher, _) = raw_teacher(folder.path());
    let out = folder.path().join("run");
    let two = ["--criterion", "mse", "--set", "train.seeds=[1, 2]"];
    let ran = distil(&out, teacher.to_str().unwrap(), &two);
    assert!(ran.status.success(), "{}", stderr(&ran));
    // λ = 0 was left out (--no-baseline): it is not missed.
    let whole = stderr(&kd2m(&["eval", out.to_str().unwrap()]));
    assert!(!whole.contains("is not there"), "{whole}");
    fs::remove_file(out.join("students/mse/seed-2/student.safetensors")).unwrap();
    fs::remove_dir_all(out.join("students/w2/seed-1")).unwrap();
    // What a run wrote is known by its checksums: a file of it that is gone is refused by name.
    for command in ["eval", "bound"] {
        let ran = kd2m(&[command, out.to_str().unwrap()]);
        let said = stderr(&ran);
        assert!(ran.status.code() == Some(2) && said.contains("student.safetensors"), "{said}");
    }
    // A run of an older version has none: the others are evaluated.
    fs::remove_file(out.join("inputs.json")).unwrap();
    for command in ["eval", "bound"] {
        let ran = kd2m(&[command, out.to_str().unwrap()]);
        let said = stderr(&ran);
        assert!(ran.status.success(), "{said}");
        for lost in
            ["students/mse/seed-2/student.safetensors is not there", "students/w2/seed-1/student.safetensors is"]
        {
            assert!(said.contains(lost), "{said}");
        }
        assert_eq!(said.matches("is not there: this student").count(), 2, "{said}");
    }
    fs::remove_dir_all(out.join("students")).unwrap();
    let none = kd2m(&["eval", out.to_str().unwrap()]);
    let said = stderr(&none);
    assert!(
        none.status.code() == Some(2) && said.contains("has no finished student: ") && said.contains("seed-1"),
        "{said}"
    );
}

#[test]
fn help_names_the_presets_and_the_key_of_a_state_dict() {
    for command in ["distill", "train", "bench"] {
        let help = String::from_utf8(kd2m(&[command, "--help"]).stdout).unwrap();
        for words in ["FILE#KEY", "teacher.preset", "imagenet-v2", "inception", "teacher.mean"] {
            assert!(help.contains(words), "{command}: {words}: {help}");
        }
    }
    let sets = ["--set", "teacher.preset=clip", "--set", "student.mean=0.5", "--set", "teacher.weights=t.pth#model"];
    let printed = String::from_utf8(kd2m(&[&["distill", "--print-config"][..], &sets].concat()).stdout).unwrap();
    for line in ["preset = \"clip\"", "mean = [0.5]", "weights = \"t.pth#model\""] {
        assert!(printed.contains(line), "{printed}");
    }
}

/// A repository of the hub as its own programs leave it in their cache: read by every command, asked for nowhere.
#[test]
fn weights_of_the_hub_are_read_from_its_cache() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let snapshot = path("home/hub/models--o--n/snapshots").join(commit);
    for made in [&snapshot, &path("home/hub/models--o--n/refs")] {
        fs::create_dir_all(made).unwrap();
    }
    fs::write(path("home/hub/models--o--n/refs/main"), commit).unwrap();
    let graph = kd2m_nn::zoo::build("mlp-3", &kd2m_nn::zoo::ZooOptions::new(10, 1, 8, 8)).unwrap();
    let tensors = kd2m_nn::init::initialise(&graph, 1);
    weights::write(&snapshot.join("model.safetensors"), &tensors, None).unwrap();
    fs::write(snapshot.join("config.json"), r#"{"mean": [0.5], "std": [0.25]}"#).unwrap();
    let kd2m = |offline: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        let names = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"];
        for name in names {
            command.env_remove(name);
        }
        // Nobody listens there.
        let command = command.env("HF_HOME", path("home")).env("HF_ENDPOINT", "http://127.0.0.1:1");
        command.env("HF_HUB_OFFLINE", offline).args(arguments).output().unwrap()
    };
    let out = path("f.npz").display().to_string();
    let asked = ["features", "hf:o/n", "--model", "mlp-3", "--data", "digits", "--out", &out];
    let read = kd2m("0", &asked);
    let said = stderr(&read);
    assert!(read.status.success() && said.contains("mean [0.5], deviation [0.25]"), "{said}");

    let run = path("run").display().to_string();
    let common = ["distill", "--quiet", "--criterion", "w2", "--no-baseline", "--allow-weak-teacher", "--epochs", "1"];
    let own = ["--seeds", "1", "--set", "data.train_limit=128", "--set", "teacher.model=mlp-3", "--out", &run];
    let given = ["--set", "teacher.weights=hf:o/n@main"];
    let ran = kd2m("1", &[&common[..], &own, &given].concat());
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert!(fs::read_to_string(path("run/config.toml")).unwrap().contains("weights = \"hf:o/n@main\""));
    let inputs = json(&path("run/inputs.json"));
    assert_eq!(inputs["given"]["teacher.weights"]["sha256"].as_str().map(str::len), Some(64), "{inputs}");
    assert!(kd2m("1", &["eval", &run]).status.success());

    for (offline, name, words) in [
        ("1", "hf:o/other", "`hf download o/other`"),
        ("0", "hf:o/other", if cfg!(feature = "download") { "127.0.0.1:1" } else { "--features download" }),
        ("1", "hf:o", "hf:OWNER/NAME"),
    ] {
        let refused = kd2m(offline, &["features", name, "--model", "mlp-3", "--data", "digits", "--out", &out]);
        assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
        assert!(stderr(&refused).contains(words), "{words}: {}", stderr(&refused));
    }
}

/// The networks that lie in the repository, as their page has it.
#[test]
fn the_networks_of_the_repository_answer_as_their_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    // Where a checkout has the real CIFAR-10 beside it.
    let data = root.join("../shared/data");
    // Another processor's kernels may round an image to the other side.
    for (data_set, name, accuracy, within) in [
        ("digits", "teacher", 99.72, 0.6),
        ("digits", "student", 86.63, 0.6),
        ("cifar10", "teacher", TEACHER_OF_CIFAR, 0.06),
    ] {
        let place = root.join("weights").join(data_set);
        let page = fs::read_to_string(place.join("README.md")).unwrap();
        let file = place.join(format!("{name}.safetensors"));
        assert!(page.contains(&format!("{accuracy:.2} % on test")), "{page}");
        let sum = kd2m::sums::of_file(&file).unwrap();
        assert!(page.contains(&format!("{sum}  {name}.safetensors")), "{sum}");
        if data_set != "digits" && !data.is_dir() {
            eprintln!("skipped: {} is not there", data.display());
            continue;
        }
        let (file, data) = (file.to_str().unwrap(), data.to_str().unwrap());
        let root = if data_set == "digits" { &[][..] } else { &["--data-root", data] };
        let ran = kd2m(&[&["eval", file, "--data", data_set, "--json"], root].concat());
        let found: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", stderr(&ran)));
        let found = found["accuracy"].as_f64().unwrap();
        assert!((found - accuracy).abs() < within, "{data_set} {name}: {found}");
    }
}

/// Of ten thousand test images.
const TEACHER_OF_CIFAR: f64 = 92.93;
