//! What a user does wrong is answered in one sentence that says what, where and what to do; exit code 2, nothing half-written.

use std::{fs, path::Path, process::Command};

/// stderr of a command that must end with exit code 2.
fn refused(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty());
    stderr
}

fn distill(out: &Path, more: &[&str]) -> String {
    let out = out.join("run");
    let stderr = refused(&[&["distill", "--quiet", "--out", out.to_str().unwrap()], more].concat());
    assert!(!out.join("summary.json").exists());
    stderr
}

#[test]
fn mistyped_names_get_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 11] = [
        (&["--criterion", "w22"], "unknown criterion `w22`; did you mean"),
        (&["--set", "optim.lrr=1"], "unknown field `lrr`; did you mean lr?"),
        (&["--set", "student.model=digits-cnn-studnt"], "digits-cnn-student"),
        (&["--set", "data.dataset=digit"], "digits"),
        (&["--device", "vulcan"], "unknown device `vulcan`; did you mean vulkan?"),
        (&["--device", "cuda"], "without cuda: build it again with `cargo build --release --features cuda`"),
        (&["--criterion", "mmd-rbf", "--set", "arm.0.loss.0.bandwith=3"], "did you mean bandwidth?"),
        (
            &["--criterion", "w2", "--set", "arm.0.loss.0.on=layer9"],
            "arm w2: criterion w2: the student has no stage `layer9`; did you mean layer1 or layer2? It has features, logits, \
             probabilities and layer1, layer2",
        ),
        (&["--criterion", "w2", "--set", "arm.0.loss.0.on=fetures"], "no stage `fetures`; did you mean features?"),
        (&["--criterion", "w2", "--set", "arm.0.loss.0.on=probabilites"], "did you mean probabilities?"),
        (
            &["--criterion", "at", "--set", "arm.0.loss.0.stages=layer1:layr2"],
            "the teacher has no stage `layr2`; did you",
        ),
    ];
    for (arguments, expected) in cases {
        let found = distill(folder.path(), arguments);
        assert!(found.contains(expected), "{arguments:?}: {found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn numbers_out_of_range_name_the_key_and_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("train.batch_size=1", "train.batch_size is 1: at least 2"),
        ("train.seeds=[]", "train.seeds is an empty list"),
        ("train.seeds=[1,1]", "each seed once"),
        ("optim.momentum=1.5", "optim.momentum is 1.5"),
        ("data.val_fraction=2.0", "data.val_fraction"),
        ("data.augment=crop", "crop"),
        ("train.ce_weight=0", "arm none: ce_weight is 0 and no loss has a weight above 0"),
        ("train.precision=bf16", "unknown variant `bf16`, expected `f32`"),
        ("arm.1.head_lipschitz=-1.0", "head_lipschitz is -1: from 0 to 1000000"),
        ("arm.4.loss.0.memory=8", "a memory would only add a constant"),
        ("optim.lr=fast", "invalid type: string \"fast\""),
        ("train.epochs", "expected key=value"),
        ("teacher.epochs=0", "teacher.epochs is 0 and no teacher.weights is given"),
        ("data.val_fraction=0.0", "data.val_fraction is 0: between 0 and 1"),
        (
            "train.seeds=[18446744073709551615]",
            "train.seeds: 18446744073709551615 is too large: whole numbers here go from 0 to",
        ),
        ("teacher.seed=-3", "teacher.seed: invalid value: integer `-3`, whole numbers here go from 0 to"),
        ("train.batch_size=1000000000000", "train.batch_size is 1000000000000: at most 1000000"),
        ("optim.weight_decay=1e30", "optim.weight_decay is 1000000000000000000000000000000: from 0 to 1000000"),
        ("arm.0.ce_weight=nan", "ce_weight is NaN: from 0 to 1000000"),
        ("train.track_bounds=1000001", "train.track_bounds is 1000001: at most 1000000"),
        ("train.accumulate=9223372036854775807", "train.accumulate is 9223372036854775807: at most 1000000"),
        ("train.epochs=4294967295", "train.epochs is 4294967295: at most 1000000"),
        ("teacher.epochs=4294967295", "teacher.epochs is 4294967295: at most 1000000"),
        ("data.train_limit=9223372036854775807", "data.train_limit is 9223372036854775807: at most 4294967295"),
        ("teacher.train_limit=9223372036854775807", "teacher.train_limit is 9223372036854775807: at most 4294967295"),
        ("data.epoch_images=9223372036854775807", "data.epoch_images is 9223372036854775807: at most 4294967295"),
        ("optim.milestones=[9223372036854775807]", "optim.milestones is [9223372036854775807]: at most 1000000 each"),
        ("optim.clip_norm=1e30", "optim.clip_norm is 1000000000000000000000000000000: from 0 to 1000000"),
        ("optim.warmup_epochs=1e30", "optim.warmup_epochs is 1000000000000000000000000000000: from 0 to 1000000"),
        ("arm.1.head_lipschitz=inf", "head_lipschitz is inf: from 0 to 1000000"),
        ("arm.1.loss.0.weight=1e31", "is 10000000000000000000000000000000: from 0 to 1e30"),
        ("arm.1.loss.0.memory=9223372036854775807", "is 9223372036854775807: at most 1000000"),
        ("data.augment=crop:9223372036854775807", "unknown augmentation"),
        ("teacher.preset=imagenett", "teacher.preset is \"imagenett\"; did you mean imagenet"),
    ];
    for (set, expected) in cases {
        let found = distill(folder.path(), &["--set", set]);
        assert!(found.contains(expected), "{set}: {found}");
    }
}

#[test]
fn a_criterion_s_own_numbers_have_ranges_too() {
    let folder = tempfile::tempdir().unwrap();
    for (criterion, option, range) in [
        ("hinton", "temperature=1e30", "a number from 0.001 to 1000"),
        ("hinton-std", "temperature=0", "a number from 0.001 to 1000"),
        ("dkd", "beta=1e30", "a number from 0 to 1000000"),
        ("dist", "gamma=-1", "a number from 0 to 1000000"),
        ("wkd-l", "temperature=1e9", "a number from 0.001 to 1000"),
        ("wkd-l", "epsilon=1e-30", "a number from 0.000001 to 1000000"),
        ("sinkd", "iterations=1000000000", "a whole number from 1 to 100000"),
        ("crd", "temperature=1e30", "a number from 0.001 to 1000"),
        ("cc", "width=99999999", "a whole number from 1 to 65536"),
        ("crd", "width=9223372036854775807", "a whole number from 1 to 65536"),
        ("crd", "negatives=4294967295", "a whole number from 1 to 10000000"),
        ("sw2", "directions=4294967295", "a whole number from 1 to 1000000"),
        ("class-cf", "frequencies=9223372036854775807", "a whole number from 1 to 1000000"),
    ] {
        let name = option.split('=').next().unwrap();
        let set = format!("arm.0.loss.0.{option}");
        let found = distill(folder.path(), &["--criterion", criterion, "--set", &set]);
        for words in [range, name, criterion] {
            assert!(found.contains(words), "{criterion} {option}: {found}");
        }
    }
}

#[test]
fn numbers_on_the_command_line_are_answered_too() {
    let folder = tempfile::tempdir().unwrap();
    let seed = distill(folder.path(), &["--seeds", "18446744073709551615"]);
    assert!(
        seed.contains("18446744073709551615 is too large: whole numbers here go from 0 to 9223372036854775807"),
        "{seed}"
    );
    let negative = distill(folder.path(), &["--criterion", "w2", "--weight", "-1"]);
    assert!(negative.contains("the weight of w2 is -1: from 0 to 1e30"), "{negative}");
    let many = distill(folder.path(), &["--threads", "99999"]);
    assert!(many.contains("expected 0 (all cores) to 1024"), "{many}");
}

#[test]
fn files_that_are_missing_or_broken_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("broken.toml"), "name = \"x\"\n[data\n").unwrap();
    fs::write(at("weights.safetensors"), [255u8; 40]).unwrap();
    let weights = format!("teacher.weights={}", at("weights.safetensors"));
    let missing = format!("teacher.weights={}", at("nowhere.safetensors"));
    for (arguments, expected) in [
        (vec!["--config".to_owned(), at("nowhere.toml")], "nowhere.toml"),
        (vec!["--config".to_owned(), at("broken.toml")], "broken.toml"),
        (vec!["--set".to_owned(), weights], "weights.safetensors"),
        (vec!["--set".to_owned(), missing], "nowhere.safetensors"),
        (vec!["--set".to_owned(), "data.dataset=mnist".to_owned(), "--data-root".to_owned(), at("empty")], "empty"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let found = distill(folder.path(), &arguments);
        assert!(found.contains(expected), "{arguments:?}: {found}");
    }
    assert!(refused(&["eval", &at("")]).contains("no run folder") || refused(&["eval", &at("")]).contains("neither"));
}

#[test]
fn a_teacher_no_better_than_chance_is_refused_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    // Rate so small that nothing is learned.
    let weak = ["--set", "teacher.epochs=1", "--set", "optim.lr=1e-9", "--set", "optim.min_lr=0.0", "--epochs", "1"];
    let found = distill(folder.path(), &weak);
    assert!(found.contains("no better than chance") && found.contains("--allow-weak-teacher"), "{found}");
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_weights() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = Command::new(env!("CARGO_BIN_EXE_kd2m"))
        .args(["distill", "--quiet", "--allow-weak-teacher", "--criterion", "mse", "--weight", "1e30", "--out"])
        .arg(&out)
        .args(["--set", "teacher.epochs=1", "--seeds", "1", "--no-baseline"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("became") && stderr.contains("epoch") && stderr.contains("batch"), "{stderr}");
}

#[test]
fn a_reader_that_closes_early_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kd2m"))
        .args(["list", "criteria", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Closed before anything is read: the list then meets a broken pipe.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
