//! A model of another program: PyTorch's export that `scripts/make_onnx_fixture.py` wrote.

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
