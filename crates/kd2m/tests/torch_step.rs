//! One training step of ResNet-18 gives PyTorch's loss, gradients, updated weights and running statistics, on both engines.
//! The figures are `scripts/golden/torch_step.py`'s, in f64; weights and images follow the same formula on both sides.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use kd2m::{
    engine::{Engine, Images, Mode, OutputGradients, Rule, Then, Update, burn::BurnEngine, cpu::CpuEngine},
    objective::{cross_entropy, scalar},
};
use kd2m_nn::{Graph, NamedTensor, Weights, zoo};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    /// Of the images.
    salt: u64,
    loss: f64,
    logits: Vec<f64>,
    parameters: BTreeMap<String, Parameter>,
    running: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct Parameter {
    norm: f64,
    gradient: Vec<f64>,
    after: Vec<f64>,
    /// PyTorch's own f32 error, relative.
    f32_error: f64,
}

/// Images in the batch.
const N: usize = 8;

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

/// `fill` of the script.
fn weights(graph: &Graph) -> Weights {
    let mut specs = graph.parameters();
    specs.sort_by(|a, b| a.key.cmp(&b.key));
    let filled = specs.into_iter().enumerate().map(|(salt, spec)| {
        let bell = spec.key.ends_with("running_var") || spec.key.ends_with("weight");
        let (offset, scale) = match spec.shape.as_slice() {
            [out, _, h, w] => (0.0, (6.0 / (out * h * w) as f64).sqrt()),
            [_, inputs] => (0.0, 1.0 / (*inputs as f64).sqrt()),
            _ if bell => (1.0, 0.2),
            _ => (0.0, 0.1),
        };
        let values = wave(spec.len(), salt as u64).iter().map(|x| (offset + scale * f64::from(*x)) as f32).collect();
        (spec.key, NamedTensor { shape: spec.shape, values })
    });
    filled.collect()
}

fn sample(values: &[f32]) -> Vec<f64> {
    let stride = (values.len() / 48).max(1);
    values.iter().step_by(stride).take(48).map(|x| f64::from(*x)).collect()
}

fn relative(found: &[f64], expected: &[f64], norm: f64) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() / norm
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn check(mut engine: Box<dyn Engine>) {
    let golden: Golden = serde_json::from_str(include_str!("golden/torch_step.json")).unwrap();
    let pixels: Vec<f32> = wave(N * 3 * 32 * 32, golden.salt).iter().map(|x| 0.5 * x + 0.5).collect();
    let student = engine.forward(Images { pixels: &pixels, n: N }, Mode::Train).unwrap().leaves();
    let labels: Vec<u32> = (0..N as u32).collect();
    let loss: Tensor<1> =
        cross_entropy(&student.logits, &labels, 0.0) + student.features.clone().square().sum() * (0.05 / N as f64);
    assert!((scalar(&loss).unwrap() / golden.loss - 1.0).abs() < 1e-5, "{} {}", scalar(&loss).unwrap(), golden.loss);
    let logits: Vec<f64> = kd2m::batch::host(&student.logits).unwrap().iter().map(|x| f64::from(*x)).collect();
    assert!(relative(&logits, &golden.logits, norm(&golden.logits)) < 1e-4);
    let mut tape = loss.backward();
    let gradients = OutputGradients {
        features: student.features.grad_remove(&mut tape),
        logits: student.logits.grad_remove(&mut tape),
        maps: Vec::new(),
    };
    engine.backward(&gradients, Then::Accumulate).unwrap();
    let found = engine.gradients().unwrap();
    let mut beyond = Vec::new();
    for (key, expected) in &golden.parameters {
        let values = sample(&found[key].values);
        // The sampled entries carry their share of the tensor's norm.
        let share = expected.norm * (values.len() as f64 / found[key].values.len() as f64).sqrt();
        let error = relative(&values, &expected.gradient, share);
        let allowed = (2.0 * expected.f32_error).max(1e-4);
        if error > allowed {
            beyond.push(format!("{key}: gradient error {error:.2e}, allowed {allowed:.2e}"));
        }
    }
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    engine.step(&Update { lr: 0.05, weight_decay: 5e-4, gradient_scale: 1.0, rule }).unwrap();
    let state = engine.network_state().unwrap();
    for (key, expected) in golden.parameters.iter().map(|(k, p)| (k, &p.after)).chain(&golden.running) {
        let error = relative(&sample(&state[key].values), expected, norm(expected));
        assert!(error < 1e-4, "{key} after the step: {error:.2e}");
    }
}

fn graph() -> Graph {
    zoo::build("resnet18", &zoo::ZooOptions::new(10, 3, 32, 32)).unwrap()
}

#[test]
fn the_burn_engine_steps_as_pytorch() {
    check(Box::new(BurnEngine::new(&graph(), &weights(&graph()), &[], &Device::flex()).unwrap()));
}

#[test]
fn the_cpu_engine_steps_as_pytorch() {
    check(Box::new(CpuEngine::new(&graph(), &weights(&graph()), &[], true, 2).unwrap()));
}
