//! What a stranger meets first: the base of a run without a file, threads beyond the machine, lists and a configuration to begin with.

use std::process::{Command, Output};

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_base_of_a_run_without_a_file_is_said() {
    let demo = kd2m(&["distill", "--print-config"]);
    assert!(text(&demo.stderr).contains("no --config: the run begins with the built-in digits demonstration"));
    assert!(text(&demo.stdout).contains("train_limit = 200"));
    let other =
        kd2m(&["distill", "--print-config", "--set", "data.dataset=cifar100", "--set", "data.train_limit=2000"]);
    let (said, config) = (text(&other.stderr), text(&other.stdout));
    assert!(said.contains("no --config: the run begins with general defaults"), "{said}");
    assert!(config.contains("name = \"cifar100\"") && config.contains("weight = \"auto\""), "{config}");
    assert!(!config.contains("train_limit = 0") && config.contains("epochs = 15"), "{config}");
    assert!(text(&kd2m(&["distill", "--print-config", "--quiet"]).stderr).is_empty());
}

#[test]
fn the_help_of_distill_begins_with_what_one_would_type() {
    let help = text(&kd2m(&["distill", "--help"]).stdout);
    assert!(help.contains("kd2m distill --criterion w2 --criterion hinton+cw2 --seeds"), "{help}");
}

#[test]
fn threads_beyond_the_machine_are_brought_down_with_a_word() {
    let many = kd2m(&["distill", "--print-config", "--threads", "1000"]);
    let said = text(&many.stderr);
    assert!(many.status.success() && said.contains("warning: --threads 1000 is taken as "), "{said}");
    assert!(!text(&kd2m(&["distill", "--print-config", "--threads", "2"]).stderr).contains("is taken as"));
}

#[test]
fn a_list_answers_for_one_name() {
    let one = text(&kd2m(&["list", "criteria", "cw2"]).stdout);
    assert!(one.is_empty() || one.starts_with("w2\n"), "a form of w2: {one}");
    let w2 = text(&kd2m(&["list", "criteria", "hinton"]).stdout);
    assert!(w2.starts_with("hinton\n") && w2.matches("formula").count() == 1, "{w2}");
    let alias = text(&kd2m(&["list", "criteria", "kd"]).stdout);
    assert_eq!(alias, w2);
    let model = text(&kd2m(&["list", "models", "resnet20"]).stdout);
    assert!(model.starts_with("resnet20\n") && model.contains("layer3 (64 × 8 × 8)"), "{model}");
    let larger = text(&kd2m(&["list", "models", "resnet20", "--size", "64"]).stdout);
    assert!(larger.contains("3 × 64 × 64") && larger.contains("layer3 (64 × 16 × 16)"), "{larger}");
    // 224 where nothing is said, which is not whole patches at 40.
    let patches = text(&kd2m(&["list", "models", "vit_b_16", "--classes", "1000"]).stdout);
    assert!(patches.contains("3 × 224 × 224") && patches.contains("86567656"), "{patches}");
    let broken = kd2m(&["list", "models", "vit_b_16", "--size", "40"]);
    assert!(text(&broken.stderr).contains("40×40 are not whole patches of 16×16"), "{}", text(&broken.stderr));
    let all = kd2m(&["list", "models", "--size", "40"]);
    assert!(text(&all.stderr).contains("left out, as they cannot be built for such images: vit_b_16, deit_tiny"));
    assert!(all.status.success() && text(&all.stdout).contains("\nvit_tiny_cifar "));
    let none = kd2m(&["list", "models", "resnet21x"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("did you mean"), "{}", text(&none.stderr));
}

#[test]
fn a_whole_list_is_a_line_each_unless_more_is_asked_for() {
    let short = text(&kd2m(&["list", "criteria"]).stdout);
    let line = short.lines().find(|line| line.starts_with("w2 ")).unwrap_or_else(|| panic!("{short}"));
    assert!(line.contains("first choice: exact") && !short.contains("formula"), "{short}");
    assert!(short.ends_with("`kd2m list criteria NAME` shows one whole, `kd2m list criteria --long` all of them\n"));
    let long = text(&kd2m(&["list", "criteria", "--long"]).stdout);
    assert!(long.starts_with("w2\n  ") && long.matches("\n  formula").count() > 30, "{long}");
    for (list, part) in [("models", "resnet20 "), ("datasets", "cifar10 "), ("keys", "optim.lr ")] {
        let lines = text(&kd2m(&["list", list]).stdout);
        assert!(lines.lines().any(|line| line.starts_with(part)), "{lines}");
    }
    // Whoever leaves the word out is told the words.
    let none = kd2m(&["list"]);
    assert!(none.status.code() == Some(2) && text(&none.stderr).contains("criteria|metrics|models"));
}

#[test]
fn a_configuration_to_begin_with_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("photos.toml");
    let write = || kd2m(&["init", "folder:photos@64", "--out", file.to_str().unwrap()]);
    assert!(text(&write().stderr).contains("next: kd2m distill --config"));
    let again = write();
    assert!(again.status.code() == Some(2) && text(&again.stderr).contains("is there already"), "{again:?}");
    let shown = kd2m(&["distill", "--print-config", "--config", file.to_str().unwrap()]);
    assert!(text(&shown.stdout).contains("dataset = \"folder:photos@64\""), "{shown:?}");
}

/// A small run of the demonstration.
fn small(out: &std::path::Path, more: &[&str]) -> Output {
    let asked = ["distill", "--epochs", "1", "--seeds", "1", "--criterion", "mse", "--set", "teacher.epochs=1"];
    let more =
        [&asked[..], &["--no-tensorboard", "--allow-weak-teacher", "--out", out.to_str().unwrap()], more].concat();
    kd2m(&more)
}

#[test]
fn data_networks_memory_and_time_are_said_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let said = text(&small(&out, &[]).stderr);
    let at = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part} is not in {said}"));
    let places = [
        at("data: digits, 10 classes (0, 1, 2, … 9), images of 1 × 8 × 8; 200 to train on (the teacher on "),
        at("teacher: digits-cnn-teacher, 65.8 k parameters (263.3 kB), "),
        at("student: digits-cnn-student, 1369 parameters (5.5 kB), "),
        at("2 arms × 1 seed × 1 epoch, batches of "),
        at("memory: about "),
        at("; time: about "),
        at("teacher, seed 0: epoch 1"),
    ];
    assert!(places.is_sorted(), "{said}");
    let quiet = text(&small(&out, &["--overwrite", "--quiet"]).stderr);
    assert!(!quiet.contains("data: ") && !quiet.contains("memory: "), "{quiet}");
}

#[test]
fn a_run_that_learned_nothing_is_in_nobody_s_way() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    assert!(small(&out, &[]).status.success());
    let refused = text(&small(&out, &[]).stderr);
    assert!(refused.contains("exists: go on with --resume"), "{refused}");
    // As a run leaves its folder that ends in its first epoch.
    for gone in ["teacher", "students"] {
        std::fs::remove_dir_all(out.join(gone)).unwrap();
    }
    std::fs::remove_file(out.join("summary.json")).unwrap();
    let again = small(&out, &["--set", "optim.lr=0.03"]);
    assert!(again.status.success(), "{}", text(&again.stderr));
}

/// The page on teachers that cannot be run begins with two commands: they run as they stand there, and help.
#[test]
fn the_two_commands_of_an_unpaired_teacher_do_what_their_page_says() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let page = std::fs::read_to_string(root.join("docs/unpaired.md")).unwrap();
    let part = page.split("## In two commands").nth(1).and_then(|rest| rest.split("## ").next()).unwrap();
    let typed = part.replace("\\\n", " ");
    let commands: Vec<&str> = typed.lines().filter_map(|line| line.strip_prefix("    kd2m ")).collect();
    assert_eq!(commands.len(), 2, "{part}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("weights/digits")).unwrap();
    let teacher = "weights/digits/teacher.safetensors";
    std::fs::copy(root.join(teacher), folder.path().join(teacher)).unwrap();
    for command in commands {
        let ran = Command::new(env!("CARGO_BIN_EXE_kd2m"))
            .current_dir(folder.path())
            .args(command.split_whitespace())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{command}: {}", text(&ran.stderr));
    }
    let runs: Vec<_> = std::fs::read_dir(folder.path().join("runs")).unwrap().collect();
    let summary = runs[0].as_ref().unwrap().path().join("summary.json");
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    let found = [0, 1].map(|arm| summary["students"][arm]["test_accuracy_mean"].as_f64().unwrap());
    assert!(found[1] > found[0] + 5.0, "{found:?}");
}
