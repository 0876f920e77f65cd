//! Weights in files: PyTorch's checkpoints as `scripts/make_checkpoint_fixtures.py` wrote them, and safetensors of ours.

use std::path::{Path, PathBuf};

use kd2m_nn::{
    Conv, Graph, GraphBuilder, Linear, Weights,
    init::initialise,
    weights::{read, read_any, read_start, write},
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
    for (name, words) in
        [("whole.pth", "torch.nn.modules.container.Sequential"), ("complex.pth", "ComplexFloatStorage")]
    {
        let error = read_any(&fixture(name)).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(name), "{error}");
    }
}

#[test]
fn every_truncation_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nested.pth", "legacy.pth"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for length in (0..bytes.len()).step_by(31) {
            let path = folder.path().join("cut.pth");
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(read(&path, &graph()).is_err(), "{name} cut to {length}");
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nested.pth", "legacy.pth"] {
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
    for words in ["student.safetensors does not fit mlp-3", "fc.weight should be [3, 128] but is [3, 2]", "and 8 more"]
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
    let (start, kept) = read_start(&path, &few, &initial).unwrap();
    assert_eq!(kept, ["fc.weight", "fc.bias"]);
    for (key, tensor) in &start {
        let source = if kept.contains(key) { &initial } else { &trained };
        assert_eq!(tensor, &source[key], "{key}");
    }
    // The same classes: nothing is kept. Another body: refused.
    assert_eq!(read_start(&path, &many, &initialise(&many, 2)).unwrap(), (trained, vec![]));
    let deeper = zoo::build("resnet14", &ZooOptions::new(10, 3, 32, 32)).unwrap();
    let error = read_start(&path, &deeper, &initialise(&deeper, 0)).unwrap_err().to_string();
    assert!(error.contains("layer1.1.conv1.weight is missing"), "{error}");
}

#[test]
fn a_missing_file_and_a_missing_folder_are_named() {
    let nowhere = Path::new("no/such/folder/w.safetensors");
    let read_error = read(nowhere, &graph()).unwrap_err().to_string();
    assert!(read_error.starts_with("cannot read no/such/folder/w.safetensors: "), "{read_error}");
    let write_error = write(nowhere, &Weights::new(), None).unwrap_err().to_string();
    assert!(write_error.starts_with("cannot write no/such/folder/w.safetensors: "), "{write_error}");
}
