//! Imported ONNX models as networks, against what onnxruntime computes: `scripts/make_onnx_values.py` made models and logits.

use std::path::Path;

use kd2m_cpu::{Mode, Network, Options};
use kd2m_nn::onnx;

#[test]
fn logits_are_those_of_onnxruntime() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kd2m-nn/tests/fixtures/onnx");
    let table = std::fs::read_to_string(folder.join("values.csv")).unwrap();
    let mut wrong = Vec::new();
    for line in table.lines() {
        let [name, tolerance, logits] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let expected: Vec<f32> = logits.split(' ').map(|v| v.parse().unwrap()).collect();
        let (graph, weights) = match onnx::read(&folder.join(format!("{name}.onnx"))) {
            Ok(read) => read,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let images: Vec<f32> =
            (0..2 * graph.input_shape().len()).map(|i| ((i as f64 * 0.618034) % 1.0) as f32).collect();
        let mut network = Network::new(&graph, &weights, Options { threads: 1, ..Options::default() }).unwrap();
        network.forward(&images, 2, Mode::Evaluate).unwrap();
        let largest = expected.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
        let apart = network.logits().iter().zip(&expected).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        if network.logits().len() != expected.len() || apart > tolerance.parse::<f32>().unwrap() * largest {
            wrong.push(format!("{name}: {apart:e} apart, {} logits for {}", network.logits().len(), expected.len()));
        }
    }
    assert!(table.lines().count() >= 60 && wrong.is_empty(), "{}", wrong.join("\n"));
}
