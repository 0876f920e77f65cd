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
            "average-pool-uncounted",
            "operator AveragePool of m: count_include_pad = 0 with padding is not a layer, only 1 is",
        ),
        (
            "max-pool-ceil",
            "operator MaxPool of m: ceil_mode = 1 adds a partial window to a length of 6; only whole ones are a layer",
        ),
        (
            "max-pool-same-uneven",
            "operator MaxPool of m: auto_pad = SAME_UPPER is 0 before and 1 behind a length of 6: the sides differ",
        ),
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
            "the ONNX model cannot be used: it has no classifier: no linear layer gives y and no output is called features",
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
            "added-constant",
            "operator Add of d: with a constant is a layer on the images only, or as the bias of a MatMul",
        ),
        (
            "external-data",
            "the ONNX model cannot be used: constant k: its numbers are in another file; export the model as one file",
        ),
        ("unknown-attribute", "operator GlobalAveragePool of gp: attribute exclude_outliers = 1 is not read"),
        ("gelu-tanh", "operator Gelu of r: approximate = tanh is not a layer, only none is"),
        ("sigmoid", "operator Sigmoid of r: is read as SiLU only: x · sigmoid(x)"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx");
    for (name, expected) in table {
        assert_eq!(refusal(&folder.join(format!("refused-{name}.onnx"))), expected, "{name}");
    }
    let softmax = refusal(&folder.join("refused-softmax.onnx"));
    assert!(softmax.starts_with("operator Softmax of y: is not one that a graph has; it has Add, "), "{softmax}");
    let refused = std::fs::read_dir(&folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("refused-"));
    assert_eq!(refused.count(), table.len() + 1);
    // What is no model at all is called so.
    let page = refusal(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    assert!(page.starts_with("this is not an ONNX model: "), "{page}");
}

/// What is said of a file that is not read, which begins with its name.
fn refusal(file: &Path) -> String {
    let said = onnx::read(file).unwrap_err().to_string();
    said.strip_prefix(&format!("{}: ", file.display())).unwrap_or_else(|| panic!("no name: {said}")).to_owned()
}
