//! Networks of the zoo that torchvision and timm have, against them: names and shapes of all tensors, logits, and a training pass. The figures
//! are `scripts/golden/networks.py`'s, in f64; weights and images follow the same formula on both sides.

use kd2m_cpu::{Mode, Network, Options, Then};
use kd2m_nn::{Graph, Layer, NamedTensor, ParameterSpec, Weights, zoo};
use serde_json::Value;

const N: usize = 3;
const CLASSES: usize = 7;

/// `wave` of the script.
fn wave(count: usize, salt: u64) -> Vec<f32> {
    let value = |index: u64| {
        let mut h = ((index + 1).wrapping_mul(2_654_435_761) + salt * 40_503) % 4_294_967_296;
        h = ((h ^ (h >> 15)) * 2_246_822_519) % 4_294_967_296;
        h ^= h >> 13;
        (h as f64 / 2_147_483_648.0 - 1.0) as f32
    };
    (0..count as u64).map(value).collect()
}

/// In the order of the names, which the script's formula counts by.
fn sorted(graph: &Graph) -> Vec<ParameterSpec> {
    let mut specs = graph.parameters();
    specs.sort_by(|a, b| a.key.cmp(&b.key));
    specs
}

/// `fill` of the script.
fn weights(graph: &Graph) -> Weights {
    let filled = sorted(graph).into_iter().enumerate().map(|(salt, spec)| {
        let bell = spec.key.ends_with("running_var") || spec.key.ends_with("weight");
        let (offset, scale) = match spec.shape.as_slice() {
            [_, inputs, h, w] => (0.0, (6.0 / (inputs * h * w) as f64).sqrt()),
            [_, inputs] => (0.0, 1.0 / (*inputs as f64).sqrt()),
            _ if bell => (1.0, 0.2),
            _ => (0.0, 0.1),
        };
        let values = wave(spec.len(), salt as u64).iter().map(|x| (offset + scale * f64::from(*x)) as f32).collect();
        (spec.key, NamedTensor { shape: spec.shape, values })
    });
    filled.collect()
}

/// Fowler–Noll–Vo hash of the lines `KEY SIZE SIZE …`.
fn hash(graph: &Graph) -> String {
    let line = |spec: ParameterSpec| {
        let sizes: String = spec.shape.iter().map(|size| format!(" {size}")).collect();
        format!("{}{sizes}\n", spec.key)
    };
    let text: String = sorted(graph).into_iter().map(line).collect();
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

fn apart(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    norm(found.iter().zip(expected).map(|(a, b)| f64::from(*a) - b))
}

fn relative(found: &[f32], expected: &[f64]) -> f64 {
    apart(found, expected) / norm(expected.iter().copied())
}

/// `sample` of the script.
fn sample(values: &[f32]) -> Vec<f32> {
    values.iter().step_by((values.len() / 12).max(1)).take(12).copied().collect()
}

fn check(name: &str, golden: &Value) {
    let image = numbers(&golden["image"]);
    let options = zoo::ZooOptions::new(CLASSES, 3, image[0] as usize, image[1] as usize);
    let graph = zoo::build(name, &options).unwrap();
    assert_eq!(graph.parameters().len() as u64, golden["tensors"], "{name}: tensors");
    assert_eq!(hash(&graph), golden["names"].as_str().unwrap(), "{name}: names or shapes of tensors");
    let mut network = Network::new(&graph, &weights(&graph), Options { threads: 2, ..Options::default() }).unwrap();
    let pixels: Vec<f32> = wave(N * graph.input_shape().len(), 77).iter().map(|x| 0.5 * x + 0.5).collect();
    network.forward(&pixels, N, Mode::Evaluate).unwrap();
    let error = relative(network.logits(), &numbers(&golden["evaluated"]));
    assert!(error < 1e-4, "{name}: logits {error:.2e}");

    network.forward(&pixels, N, Mode::Train).unwrap();
    // Batch norms of few values magnify rounding, PyTorch's as ours.
    let own = |of: &Value, key: &str| of[key].as_f64().unwrap();
    let (error, allowed) = (relative(network.logits(), &numbers(&golden["trained"])), own(golden, "trained_error"));
    assert!(error < (3.0 * allowed).max(1e-4), "{name}: logits in training {error:.2e}, PyTorch's f32 {allowed:.2e}");
    network.backward(None, Some(&wave(N * CLASSES, 99)), &[], Then::Accumulate).unwrap();
    // One unit of a ReLU on the other side of zero, as rounding decides, moves all gradients below it by a percent.
    let has_corners = graph.nodes().iter().any(|node| matches!(node.layer, Layer::Relu));
    let least = if has_corners { 3e-2 } else { 1e-4 };
    let (gradients, state) = (network.gradients(), network.weights());
    for (key, expected) in golden["gradients"].as_object().unwrap() {
        let found = &gradients[key].values;
        let values = sample(found);
        // The sampled entries carry their share of the tensor's norm.
        let share = own(expected, "norm") * (values.len() as f64 / found.len() as f64).sqrt();
        let error = apart(&values, &numbers(&expected["values"])) / share;
        let allowed = own(expected, "f32_error");
        assert!(error < (4.0 * allowed).max(least), "{name} {key}: {error:.2e}, PyTorch's f32 {allowed:.2e}");
        let error = norm(found.iter().map(|v| f64::from(*v))) / own(expected, "norm") - 1.0;
        assert!(error.abs() < (2.0 * allowed).max(least), "{name} {key}: norm {error:.2e}, f32 {allowed:.2e}");
    }
    for (key, expected) in golden["running"].as_object().unwrap() {
        let error = relative(&sample(&state[key].values), &numbers(expected));
        assert!(error < (3.0 * own(golden, "trained_error")).max(1e-4), "{name} {key}: {error:.2e}");
    }
}

#[test]
fn networks_are_torchvision_s_and_timm_s() {
    let golden: Value = serde_json::from_str(include_str!("golden/networks.json")).unwrap();
    for (name, golden) in golden["networks"].as_object().unwrap() {
        check(name, golden);
    }
}
