//! Writes every network of the zoo as `DIR/NAME.safetensors` and `DIR/NAME.onnx`, for `scripts/zoo_reference.py check DIR`.

use std::path::PathBuf;

use kd2m_nn::{
    Role, Weights,
    graph::Graph,
    init::initialise,
    onnx, weights,
    zoo::{self, MODELS, ZooOptions},
};

/// Initial weights with statistics of their own, so that no batch norm is the identity, and of a size that carries the images'
/// differences through to the logits: with some initialisations the biases would drown them.
fn trained_looking(graph: &Graph) -> Weights {
    let mut weights = initialise(graph, 7);
    for spec in graph.parameters() {
        let wave = |i: usize| (1.7 * i as f32).sin();
        let Some(tensor) = weights.get_mut(&spec.key) else { continue };
        let fan_in = tensor.values.len() / tensor.shape[0];
        let size = (tensor.values.iter().map(|v| v * v).sum::<f32>() / tensor.values.len() as f32).sqrt();
        for (i, value) in tensor.values.iter_mut().enumerate() {
            match spec.role {
                Role::Weight => *value *= (2.0 / fan_in as f32).sqrt() / size,
                Role::Bias | Role::Shift | Role::RunningMean | Role::Embedding => *value = 0.1 * wave(i),
                Role::Scale | Role::RunningVariance => *value = 1.0 + 0.3 * wave(i),
            }
        }
    }
    weights
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: export_zoo DIR")?);
    std::fs::create_dir_all(&folder)?;
    let options = ZooOptions { mean: vec![0.5; 3], std: vec![0.25; 3], ..ZooOptions::new(100, 3, 32, 32) };
    for entry in MODELS {
        let graph = zoo::build(entry.name, &options)?;
        let values = trained_looking(&graph);
        weights::write(&folder.join(format!("{}.safetensors", entry.name)), &values, None)?;
        onnx::write(&folder.join(format!("{}.onnx", entry.name)), &graph, &values, &Default::default())?;
    }
    Ok(())
}
