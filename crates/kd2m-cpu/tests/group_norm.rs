//! A group norm against its definition in another language: numbers printed by `scripts/golden/group_norm.py`, which makes the same
//! inputs from the same formula.

use kd2m_cpu::{Mode, Network, Options, Then};
use kd2m_nn::{GraphBuilder, GroupNorm, Layer, Linear, NamedTensor, Weights};

const N: usize = 2;
const CHANNELS: usize = 6;
const PLACES: usize = 2;
const GROUPS: usize = 3;

const Y: [f64; N * CHANNELS * PLACES] = [
    1.030186428,
    1.386188471,
    -0.330691768,
    -1.925715135,
    -1.586550911,
    1.321647614,
    0.776393529,
    -1.359191287,
    -1.107529863,
    -0.416644711,
    0.648292860,
    0.469851693,
    -0.302519280,
    -0.840235265,
    0.495566127,
    2.304608494,
    1.568585202,
    -1.393510767,
    -1.477316053,
    0.570713271,
    0.684897313,
    0.089122161,
    -0.446551910,
    -0.359852152,
];
const TO_GAMMA: [f64; CHANNELS] = [0.221709713, 0.019373148, -0.243036264, 0.062262049, 0.178356237, -0.064275648];
const TO_BETA: [f64; CHANNELS] = [0.173169406, 1.642222258, -1.783403873, 0.106443836, 1.679033387, -1.752772411];

fn made(length: usize, f: impl Fn(f64) -> f64) -> Vec<f32> {
    (0..length).map(|i| f(i as f64) as f32).collect()
}

#[test]
fn values_and_gradients_are_those_of_the_definition() {
    let (mut b, x) = GraphBuilder::new("group norm", CHANNELS, 1, PLACES, &[0.0; CHANNELS], &[1.0; CHANNELS]);
    let norm = GroupNorm { eps: 1e-3, ..GroupNorm::new(GROUPS, CHANNELS) };
    let y = b.push("norm", Layer::GroupNorm(norm), &[x]);
    b.stage("normalised", y);
    let pooled = b.global_avg_pool("pool", y);
    let logits = b.linear("fc", pooled, Linear::new(CHANNELS, 2));
    let graph = b.finish(pooled, logits).unwrap();

    let vector = |values: Vec<f32>| NamedTensor { shape: vec![CHANNELS], values };
    let mut weights: Weights = kd2m_nn::init::initialise(&graph, 1);
    weights.insert("norm.weight".into(), vector(made(CHANNELS, |i| 1.0 + 0.5 * i.sin())));
    weights.insert("norm.bias".into(), vector(made(CHANNELS, |i| 0.3 * i.cos())));
    let half = CHANNELS * PLACES;
    let images = made(N * half, |i| (0.7 + 1.3 * i).sin() + if i < half as f64 { 0.0 } else { 5.0 });
    let dy = made(N * half, |i| (0.4 + 2.1 * i).cos());

    let options = Options { stages: vec!["normalised".into()], ..Options::default() };
    let mut network = Network::new(&graph, &weights, options).unwrap();
    let near = |what: &str, ours: &[f32], expected: &[f64]| {
        let apart = ours.iter().zip(expected).fold(0.0_f64, |most, (a, b)| most.max((f64::from(*a) - b).abs()));
        assert!(ours.len() == expected.len() && apart < 1e-5, "{what}: {apart:e} apart");
    };
    for mode in [Mode::Evaluate, Mode::Train] {
        network.forward(&images, N, mode).unwrap();
        near("y", &network.map("normalised").unwrap(), &Y);
    }
    network.backward(None, None, &[("normalised", &dy)], Then::Accumulate).unwrap();
    let gradients = network.gradients();
    near("to gamma", &gradients["norm.weight"].values, &TO_GAMMA);
    near("to beta", &gradients["norm.bias"].values, &TO_BETA);
}
