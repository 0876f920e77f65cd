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
    assert!(text(&demo.stderr).contains("no --config: the built-in digits demonstration is what the run begins with"));
    assert!(text(&demo.stdout).contains("train_limit = 200"));
    let other =
        kd2m(&["distill", "--print-config", "--set", "data.dataset=cifar100", "--set", "data.train_limit=2000"]);
    let (said, config) = (text(&other.stderr), text(&other.stdout));
    assert!(said.contains("no --config: general defaults"), "{said}");
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
    let none = kd2m(&["list", "models", "resnet21x"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("did you mean"), "{}", text(&none.stderr));
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
