//! Models of other programs: PyTorch's export that `scripts/make_onnx_fixture.py` wrote, and what `scripts/make_onnx_values.py` wrote
//! that no graph can be (what one can be is compared with onnxruntime in kd2m-cpu's tests).

use std::path::Path;

use kd2m_nn::onnx;

#[test]
fn an_export_of_pytorch_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch.onnx");
    let (graph, weights) = onnx::read(&path).unwrap();
    let layers: Vec<String> = graph.nodes().iter().map(|n| format!("{} {}", n.layer, n.shape)).collect();
    assert_eq!(
        layers,
        [
            "images 3×8×8",
            "normalise 3×8×8",
            "conv 3×3 /2 3→8 8×4×4",
            "ReLU6 8×4×4",
            "channels 0…3 4×4×4",
            "channels 4…7 4×4×4",
            "conv 3×3 4→4 in 4 groups 4×4×4",
            "concatenate 8×4×4",
            "shuffle 2 groups 8×4×4",
            "ReLU 8×4×4",
            "average-pool 2×2 /2 8×2×2",
            "mean over positions 8",
            "linear 8→5 5",
        ]
    );
    assert_eq!((graph.feature_width(), graph.classes()), (8, 5));
    assert_eq!(weights["fc.weight"].values, (0..40).map(|i| i as f32).collect::<Vec<_>>());
}

#[test]
fn what_no_layer_is_refused_with_its_reason() {
    let table = [
        ("average-pool-dilations", "operator AveragePool of m: dilations = [2, 2] of a pool is not a layer, only 1 is"),
        ("max-pool-dilations", "operator MaxPool of m: dilations = [2, 2] of a pool is not a layer, only 1 is"),
        (
            "reshape-of-a-vector",
            "operator Reshape of y: [10] of an image to [-1, 5] mixes images, or is no shape of theirs",
        ),
        (
            "columns-not-channels",
            "operator Sub of x0: its constant of shape [3] is not one number a channel, which has shape [3, 1, 1]: ONNX broadcasts over the last axes",
        ),
        ("squeeze-all", "operator Squeeze of fl: without axes would drop that of the images too where there is one"),
        ("mean-over-channels", "operator ReduceMean of m: axes = [1]: only the mean over height and width is a layer"),
        ("scaled-gemm", "operator Gemm of y: alpha = 0.5 is not a layer, only 1 is"),
        ("bias-over-images", "operator Gemm of y: its bias [2, 5] is not one of 5 numbers"),
        (
            "bytes",
            "the ONNX model cannot be used: input x has ONNX's type 2; pixels in 0…1 of a floating-point type are needed",
        ),
        (
            "no-classifier",
            "the ONNX model cannot be used: it has no classifier: no linear layer gives y and no output is called features; name the value that is the features (none: no layer gives a vector)",
        ),
        (
            "old-opset",
            "the ONNX model cannot be used: its opset is 6, read are those from 7 on: export it again, or convert it with onnx.version_converter",
        ),
        (
            "batch-norm-training",
            "operator BatchNormalization of r, rm, rv: training_mode = 1 is not a layer, only 0 is",
        ),
        (
            "added-plane",
            "operator Add of d: with a constant is a layer on maps, one number a channel or one for all, or as the bias of a MatMul",
        ),
        (
            "strung-without-steps",
            "operator Reshape of s: strings the numbers of all images together, as PyTorch writes a network in channels_last: export it for one image (without dynamic_shapes), or after model.to(memory_format=torch.contiguous_format)",
        ),
        ("divided-by-zero", "operator Div of d: of a constant by what is computed, or by zero, is not a layer"),
        ("empty-limits", "operator Clip of r: min = 1, max = 1 leave nothing"),
        ("unknown-attribute", "operator GlobalAveragePool of gp: attribute exclude_outliers = 1 is not read"),
        (
            "prelu-of-places",
            "operator PRelu of r: its slopes [1, 6] are not one for all, or one for each channel [4, 1, 1]",
        ),
        (
            "rows-not-groups",
            "operator Reshape of g: begins an instance norm of what is no map's groups in rows and back again",
        ),
        ("softmax-inside", "operator Softmax of r: is read at the end of the model only, over its classes"),
        ("pad-reflects", "operator Pad of r: mode = reflect is not a layer, only constant is"),
        ("hard-sigmoid-of-keras", "operator HardSigmoid of r: alpha = 0.2, beta = 0.5: only 1/6 and 0.5 are a layer"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx");
    for (name, expected) in table {
        assert_eq!(refusal(&folder.join(format!("refused-{name}.onnx"))), expected, "{name}");
    }
    let beside = refusal(&folder.join("refused-external-data.onnx"));
    let place = folder.join("weights.bin");
    let begun = format!(
        "the ONNX model cannot be used: constant k: its numbers are in another file: cannot read {}: ",
        place.display()
    );
    assert!(
        beside.starts_with(&begun) && beside.ends_with("keep it beside the model, or export the model as one file"),
        "{beside}"
    );
    let refused = std::fs::read_dir(&folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("refused-"));
    assert_eq!(refused.count(), table.len() + 1, "each is named here");
    // What is no model at all is called so.
    let page = refusal(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    assert!(page.starts_with("this is not an ONNX model: "), "{page}");
}

/// What is said of a file that is not read, which begins with its name.
fn refusal(file: &Path) -> String {
    let said = onnx::read(file).unwrap_err().to_string();
    said.strip_prefix(&format!("{}: ", file.display())).unwrap_or_else(|| panic!("no name: {said}")).to_owned()
}

/// A model whose numbers lie in another file at this place, of so many bytes.
fn beside(folder: &Path, change: impl Fn(&str) -> String, data: &[u8]) -> Result<(), String> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx/beside");
    let model = std::fs::read(fixtures.join("external.onnx")).unwrap();
    // Texts in it are as long as before, so that the lengths that go before them hold.
    let (old, new) = ("external.onnx.data", change("external.onnx.data"));
    assert_eq!(old.len(), new.len());
    let mut bytes = model.clone();
    for at in 0..=model.len() - old.len() {
        if &model[at..at + old.len()] == old.as_bytes() {
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
        }
    }
    std::fs::write(folder.join("m.onnx"), bytes).unwrap();
    std::fs::write(folder.join("external.onnx.data"), data).unwrap();
    onnx::read(&folder.join("m.onnx")).map(|_| ()).map_err(|e| e.to_string())
}

#[test]
fn numbers_beside_a_model_are_read_from_its_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx/beside/external.onnx.data");
    let data = std::fs::read(place).unwrap();
    let same = |name: &str| name.to_owned();
    assert_eq!(beside(folder.path(), same, &data), Ok(()));
    let cut = beside(folder.path(), same, &data[..data.len() - 1]).unwrap_err();
    assert!(cut.contains("are wanted: it is not the model's, or was cut off"), "{cut}");
    for outside in ["../ternal.onnx.data", "/etc/nal.onnx.data"] {
        let outside = &outside[..18];
        let said = beside(folder.path(), |_| outside.to_owned(), &data).unwrap_err();
        assert!(said.contains(&format!("{outside} is not in the model's folder")), "{said}");
    }
}

#[test]
fn any_vector_can_be_the_features_and_the_others_are_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx");
    let path = folder.join("squeeze-excite-linear.onnx");
    let of = |name: Option<&str>| onnx::open(&path, name).map(|m| (m.graph.feature_width(), m.notes));
    assert_eq!(of(None).unwrap().0, 4, "what the last linear layer reads");
    assert_eq!(of(Some("s2")).unwrap().0, 2);
    let unknown = of(Some("s9")).unwrap_err().to_string();
    assert!(unknown.contains("`s9` is no value that a layer gives: features can be y, "), "{unknown}");
    assert!(unknown.contains("s2") && !unknown.contains(" c,"), "{unknown}");
    let map = of(Some("c")).unwrap_err().to_string();
    assert!(map.contains("`c` is no vector: features can be "), "{map}");
    let softmax = onnx::open(&folder.join("softmax.onnx"), None).unwrap();
    assert_eq!(softmax.notes, ["Softmax y at the end is left out: logits are what it reads"]);
}
