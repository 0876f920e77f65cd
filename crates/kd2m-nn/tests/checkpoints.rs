//! Weights in files: PyTorch's checkpoints as `scripts/make_checkpoint_fixtures.py` wrote them, and safetensors of ours.

use std::path::{Path, PathBuf};

use kd2m_nn::{
    Conv, Graph, GraphBuilder, Linear, Weights,
    init::initialise,
    weights::{Choice, Owner, Source, load, load_start, metadata, read, read_any, write},
    zoo::{self, ZooOptions},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The network whose state the script saves.
fn graph() -> Graph {
    let (mut b, x) = GraphBuilder::new("small", 1, 3, 3, &[0.0], &[1.0]);
    let x = b.conv("conv1", x, Conv::square(1, 2, 3));
    let x = b.batch_norm("bn1", x);
    let x = b.relu("relu", x);
    let features = b.global_avg_pool("avgpool", x);
    let logits = b.linear("fc", features, Linear::new(2, 3));
    b.finish(features, logits).unwrap()
}

/// 0, ¼, ½, …
fn ramp(count: usize) -> Vec<f32> {
    (0..count).map(|i| i as f32 / 4.0).collect()
}

fn assert_ramps(weights: &Weights) {
    for (key, tensor) in weights {
        assert_eq!(tensor.values, ramp(tensor.values.len()), "{key}");
    }
}

#[test]
fn a_checkpoint_of_a_training_program_is_read() {
    assert_ramps(&read(&fixture("nested.pth"), &graph()).unwrap());
}

/// zip 9.8.2 refuses such archives, 8.6.0 does not: `findings/zip-crate-zip64-first-entry.sh`.
#[test]
fn a_checkpoint_saved_under_a_name_of_21_characters_is_read() {
    assert_ramps(&read(&fixture("checkpoint_cifar_best.pth"), &graph()).unwrap());
}

#[test]
fn a_stream_from_before_1_6_is_read() {
    assert_ramps(&read(&fixture("legacy.pth"), &graph()).unwrap());
}

#[test]
fn types_views_and_parameters_are_read() {
    let weights = read_any(&fixture("types.pth")).unwrap();
    for key in ["half", "bfloat", "double"] {
        assert_eq!(weights[key].values, ramp(3), "{key}");
    }
    assert_eq!(weights["parameter"].values, ramp(2));
    assert_eq!((weights["scalar"].shape.len(), &weights["scalar"].values[..]), (0, &[0.5][..]));
    // A 3×4 ramp seen by columns, and its rows 1 and 2 from column 2.
    assert_eq!(weights["transposed"].shape, [4, 3]);
    assert_eq!(weights["transposed"].values[..4], [0.0, 1.0, 2.0, 0.25]);
    assert_eq!(weights["part"].values, [1.5, 1.75, 2.5, 2.75]);
}

#[test]
fn what_is_not_read_is_named() {
    let errors = [read_any(&fixture("complex.pth")).unwrap_err(), read(&fixture("complex.pth"), &graph()).unwrap_err()];
    assert!(errors[0].to_string().ends_with("w holds numbers of the type ComplexFloatStorage, which are no weights"));
    assert!(errors.iter().all(|error| error.to_string().contains("complex.pth")), "{errors:?}");
}

#[test]
fn every_truncation_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nested.pth", "legacy.pth", "forms/tar.pth", "forms/stream-protocol-1.pth"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for length in (0..bytes.len().min(4000)).step_by(31) {
            let path = folder.path().join("cut.pth");
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(read(&path, &graph()).is_err(), "{name} cut to {length}");
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nested.pth", "legacy.pth", "forms/tar.pth", "forms/stream-protocol-1.pth"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let path = folder.path().join("flipped.pth");
        for at in (0..bytes.len().min(3000)).step_by(13) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x15;
            std::fs::write(&path, &damaged).unwrap();
            // Many flips only change a value; none may bring the program down.
            let _ = read(&path, &graph());
        }
    }
}

#[test]
fn safetensors_come_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let graph = zoo::build("resnet8", &ZooOptions::new(10, 3, 32, 32)).unwrap();
    let weights = initialise(&graph, 5);
    let [first, second] = ["a.safetensors", "b.safetensors"].map(|n| folder.path().join(n));
    write(&first, &weights, Some("{}")).unwrap();
    write(&second, &weights, Some("{}")).unwrap();
    assert_eq!(read(&first, &graph).unwrap(), weights);
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn weights_of_another_network_are_refused_with_the_file_s_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("student.safetensors");
    write(&path, &initialise(&graph(), 0), None).unwrap();
    let other = zoo::build("mlp-3", &ZooOptions::new(3, 1, 3, 3)).unwrap();
    let error = read(&path, &other).unwrap_err().to_string();
    for words in ["student.safetensors does not fit mlp-3", "fc.weight should be [3, 128] but is [3, 2]", "and 2 more"]
    {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_start_keeps_its_own_classifier_where_classes_differ() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("imagenet.safetensors");
    let [many, few] = [100, 10].map(|c| zoo::build("resnet8", &ZooOptions::new(c, 3, 32, 32)).unwrap());
    let trained = initialise(&many, 1);
    write(&path, &trained, None).unwrap();
    let initial = initialise(&few, 2);
    let begin = |graph: &Graph, initial: &Weights| load_start(&Source::parse(&path), graph, Owner::Student, initial);
    let found = begin(&few, &initial).unwrap();
    let kept = found.kept;
    assert_eq!(kept, ["fc.weight", "fc.bias"]);
    for (key, tensor) in &found.weights {
        let source = if kept.contains(key) { &initial } else { &trained };
        assert_eq!(tensor, &source[key], "{key}");
    }
    // The same classes: nothing is kept. Another body: refused.
    let same = begin(&many, &initialise(&many, 2)).unwrap();
    assert_eq!((same.weights, same.kept), (trained, vec![]));
    let deeper = zoo::build("resnet14", &ZooOptions::new(10, 3, 32, 32)).unwrap();
    let error = begin(&deeper, &initialise(&deeper, 0)).unwrap_err().to_string();
    assert!(error.contains("layer1.1.conv1.weight is missing"), "{error}");
}

/// The first number of `fc.bias` in `several.pth` tells which of its state dicts was taken.
fn taken(key: Option<&str>, owner: Owner) -> Result<(f32, Option<Choice>), String> {
    let source = Source { path: fixture("several.pth"), key: key.map(str::to_owned) };
    let found = load(&source, &graph(), owner).map_err(|e| e.to_string())?;
    Ok((found.weights["fc.bias"].values[0], found.choice))
}

#[test]
fn of_several_networks_the_owner_s_is_taken_and_the_others_are_told() {
    let told =
        |key: &str, others: [&str; 2]| Some(Choice { key: key.to_owned(), others: others.map(str::to_owned).into() });
    assert_eq!(taken(None, Owner::Teacher), Ok((0.5, told("teacher", ["teacher_ema", "student"]))));
    assert_eq!(taken(None, Owner::Student), Ok((0.0, told("student", ["teacher", "teacher_ema"]))));
    assert_eq!(taken(None, Owner::Any), Ok((0.0, told("student", ["teacher", "teacher_ema"]))));
    assert_eq!(taken(Some("teacher_ema"), Owner::Teacher), Ok((0.25, None)));
    // Asked for by name, what does not fit is refused, and so is what is not there.
    let wide = taken(Some("nets.wide"), Owner::Teacher).unwrap_err();
    assert!(
        wide.contains("several.pth#nets.wide does not fit small: fc.weight should be [3, 2] but is [4, 2]"),
        "{wide}"
    );
    let lost = taken(Some("model"), Owner::Teacher).unwrap_err();
    assert!(lost.ends_with("no state dict `model`; it has `student`, `teacher_ema`, `teacher`, `nets.wide`"), "{lost}");
}

#[test]
fn the_only_one_that_fits_is_taken_wherever_it_lies_but_not_in_place_of_the_owner_s() {
    let (mut b, x) = GraphBuilder::new("wide", 1, 3, 3, &[0.0], &[1.0]);
    let x = b.conv("conv1", x, Conv::square(1, 2, 3));
    let x = b.batch_norm("bn1", x);
    let features = b.global_avg_pool("avgpool", x);
    let logits = b.linear("fc", features, Linear::new(2, 4));
    let wide = b.finish(features, logits).unwrap();
    let source = Source::parse(&fixture("several.pth"));
    let found = load(&source, &wide, Owner::Any).unwrap();
    assert_eq!((found.weights["fc.bias"].values.len(), found.choice), (4, None));
    let refused = load(&source, &wide, Owner::Teacher).unwrap_err().to_string();
    for words in ["several.pth#teacher does not fit wide", "`nets.wide` would", "several.pth#KEY"] {
        assert!(refused.contains(words), "{refused}");
    }
    // As a start, any body fits: the classifier is drawn anew.
    let begun = load_start(&source, &wide, Owner::Student, &initialise(&wide, 0)).unwrap();
    assert_eq!((begun.weights["bn1.bias"].values[0], begun.kept), (0.0, vec!["fc.weight".into(), "fc.bias".into()]));
}

#[test]
fn numbers_that_are_not_finite_are_refused_with_tensor_count_and_file() {
    let said = |error: String| {
        let right = "overflow.pth: bn1.running_var holds 2 inf of 2, and so does 1 more tensor: ";
        assert!(error.contains(right), "{error}");
    };
    let source = Source::parse(&fixture("overflow.pth"));
    said(load(&source, &graph(), Owner::Teacher).unwrap_err().to_string());
    said(load_start(&source, &graph(), Owner::Student, &initialise(&graph(), 0)).unwrap_err().to_string());
    // Safetensors of ours too; a classifier that is not taken may hold what it will.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let mut weights = initialise(&graph(), 0);
    weights.get_mut("fc.bias").unwrap().values[2] = f32::NAN;
    write(&path, &weights, None).unwrap();
    let error = read(&path, &graph()).unwrap_err().to_string();
    assert!(error.contains("w.safetensors: fc.bias holds 1 NaN of 3: "), "{error}");
    weights.get_mut("fc.bias").unwrap().shape = vec![3, 1];
    write(&path, &weights, None).unwrap();
    let begun = load_start(&Source::parse(&path), &graph(), Owner::Any, &initialise(&graph(), 1)).unwrap();
    assert_eq!(begun.kept, ["fc.bias"]);
}

#[test]
fn the_text_in_a_header_is_read_without_the_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    write(&path, &initialise(&graph(), 0), Some(r#"{"mean": [0.5]}"#)).unwrap();
    assert_eq!(metadata(&path).as_deref(), Some(r#"{"mean": [0.5]}"#));
    write(&path, &initialise(&graph(), 0), None).unwrap();
    assert_eq!(metadata(&path), None);
    for other in [fixture("nested.pth"), fixture("nowhere.pth")] {
        assert_eq!(metadata(&other), None);
    }
}

#[test]
fn a_missing_file_and_a_missing_folder_are_named() {
    let nowhere = Path::new("no/such/folder/w.safetensors");
    let read_error = read(nowhere, &graph()).unwrap_err().to_string();
    assert!(read_error.starts_with("cannot read no/such/folder/w.safetensors: "), "{read_error}");
    let write_error = write(nowhere, &Weights::new(), None).unwrap_err().to_string();
    assert!(write_error.starts_with("cannot write no/such/folder/w.safetensors: "), "{write_error}");
}
