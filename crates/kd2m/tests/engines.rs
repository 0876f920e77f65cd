//! Both engines are the same network: outputs, gradients, a step, running statistics. Burn's flex path is the reference.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use kd2m::engine::{
    Decayed, Draws, Engine, Images, Mode, OutputGradients, Rule, Then, Update,
    burn::BurnEngine,
    cpu::CpuEngine,
    head::{FrozenHead, LipschitzHead},
};
use kd2m_nn::{
    Attention, Conv, Dropped, Graph, GraphBuilder, GroupNorm, Init, Layer, Linear, Pool, Position, Prelu, Prepend,
    Role, Scale, Shape, Weights, init, zoo,
};

/// Values in ±1 that look random and are the same everywhere.
fn noise(count: usize, salt: u64) -> Vec<f32> {
    init::uniform(salt, "noise", count, 1.0)
}

fn images(graph: &Graph, n: usize) -> Vec<f32> {
    noise(n * graph.input_shape().len(), 1).iter().map(|x| 0.5 * x + 0.5).collect()
}

fn gradients(graph: &Graph, n: usize, stages: &[String]) -> OutputGradients {
    let matrix = |width: usize, salt| {
        Tensor::<2>::from_data(TensorData::new(noise(n * width, salt), [n, width]), &Device::flex())
    };
    let maps = stages.iter().map(|name| {
        let Shape::Map { channels, height, width } = graph.node(graph.stage(name).unwrap()).shape else { panic!() };
        let values = noise(n * channels * height * width, 4).iter().map(|x| 0.1 * x).collect::<Vec<f32>>();
        let data = TensorData::new(values, [n, channels, height, width]);
        (name.as_str().into(), Tensor::<4>::from_data(data, &Device::flex()))
    });
    OutputGradients {
        features: Some(matrix(graph.feature_width(), 2)),
        logits: Some(matrix(graph.classes(), 3)),
        maps: maps.collect(),
    }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

/// ‖a − b‖ / max(‖b‖, floor) over one tensor.
fn difference(a: &[f32], b: &[f32], floor: f64) -> f64 {
    assert_eq!(a.len(), b.len());
    let error: Vec<f32> = a.iter().zip(b).map(|(x, y)| x - y).collect();
    norm(&error) / norm(b).max(floor)
}

fn compare(what: &str, a: &Weights, b: &Weights, tolerance: f64) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}");
    // A tensor whose gradient is nothing but rounding (a bias before a batch norm) is measured against all of them.
    let floor = 1e-2 * b.values().map(|t| norm(&t.values).powi(2)).sum::<f64>().sqrt();
    for (key, tensor) in a {
        let found = difference(&tensor.values, &b[key].values, floor);
        assert!(found < tolerance, "{what}, {key}: relative difference {found}");
    }
}

fn evaluations_agree(model: &str, burn: &mut BurnEngine, cpu: &mut CpuEngine, batch: Images) {
    let outputs = [burn as &mut dyn Engine, cpu].map(|e| e.forward(batch, Mode::Evaluate).unwrap());
    let [b, c] = outputs.map(|o| o.logits.into_data().try_into_vec::<f32>().unwrap());
    let found = difference(&c, &b, 1e-3);
    assert!(found < 1e-3, "{model}: evaluation differs by {found}");
}

/// `tight`: tolerances without ReLU units whose sign depends on rounding. In deep networks there are some, and one flipped sign moves
/// every gradient below it by a percent; there `torch_step.rs` and the layer tests of `kd2m-cpu` are the sharp ones.
fn agree(model: &str, stem: zoo::Stem, [channels, height, width]: [usize; 3], n: usize, tight: bool) {
    let graph = zoo::build(model, &zoo::ZooOptions::new(7, channels, height, width).stem(stem)).unwrap();
    agree_on(model, &graph, n, tight);
}

fn agree_on(model: &str, graph: &Graph, n: usize, tight: bool) {
    let (rounds, outputs_within, gradients_within) = if tight { (2, 2e-4, 5e-3) } else { (1, 1e-3, 8e-2) };
    let weights = init::initialise(graph, 5);
    let stages: Vec<String> = graph.stages().iter().map(|(name, _)| name.clone()).collect();
    let mut burn = BurnEngine::new(graph, &weights, &stages, &Device::flex()).unwrap();
    let mut cpu = CpuEngine::new(graph, &weights, &stages, true, 2).unwrap();
    let pixels = images(graph, n);
    let batch = Images { pixels: &pixels, n };
    let update =
        Update { lr: 0.01, weight_decay: 5e-4, gradient_scale: 0.5, rule: Rule::Sgd { momentum: 0.9, nesterov: true } };
    evaluations_agree(model, &mut burn, &mut cpu, batch);
    for round in 0..rounds {
        let outputs = [&mut burn as &mut dyn Engine, &mut cpu].map(|e| e.forward(batch, Mode::Train).unwrap());
        let flat = |t: &Tensor<2>| t.clone().into_data().try_into_vec::<f32>().unwrap();
        for (name, pick) in [("features", 0), ("logits", 1)] {
            let [b, c] = [0, 1].map(|i| flat(if pick == 0 { &outputs[i].features } else { &outputs[i].logits }));
            let found = difference(&c, &b, 1e-3);
            assert!(found < outputs_within, "{model} round {round}: {name} differ by {found}");
        }
        let given = gradients(graph, n, &stages);
        for engine in [&mut burn as &mut dyn Engine, &mut cpu] {
            engine.backward(&given, Then::Accumulate).unwrap();
        }
        compare(
            &format!("{model} round {round}: gradients"),
            &cpu.gradients().unwrap(),
            &burn.gradients().unwrap(),
            gradients_within,
        );
        let (x, y) = (cpu.gradient_norm_squared().unwrap(), burn.gradient_norm_squared().unwrap());
        assert!((x / y - 1.0).abs() < gradients_within, "{model}: {x} {y}");
        burn.step(&update).unwrap();
        cpu.step(&update).unwrap();
    }
    compare(
        &format!("{model}: after the last step"),
        &cpu.network_state().unwrap(),
        &burn.network_state().unwrap(),
        if tight { 2e-3 } else { 5e-2 },
    );
    if tight {
        evaluations_agree(model, &mut burn, &mut cpu, batch);
    }
}

#[test]
fn digits_pair() {
    agree("digits-cnn-teacher", zoo::Stem::Imagenet, [1, 8, 8], 5, true);
    agree("digits-cnn-student", zoo::Stem::Imagenet, [1, 8, 8], 7, true);
}

#[test]
fn mlps() {
    agree("mlp-5", zoo::Stem::Imagenet, [1, 9, 9], 6, true);
    agree("mlp-3", zoo::Stem::Imagenet, [3, 5, 4], 3, true);
}

#[test]
fn resnets_with_either_stem() {
    agree("resnet18", zoo::Stem::Imagenet, [3, 32, 32], 8, false);
    agree("resnet18", zoo::Stem::Cifar, [3, 16, 16], 8, false);
    agree("resnet50", zoo::Stem::Imagenet, [3, 32, 32], 8, false);
}

#[test]
fn the_networks_of_the_literature() {
    for model in ["resnet20", "resnet8x4", "wrn_16_2", "vgg8"] {
        agree(model, zoo::Stem::Cifar, [3, 32, 32], 8, false);
    }
    for model in ["MobileNetV2", "ShuffleV1", "ShuffleV2"] {
        agree(model, zoo::Stem::Cifar, [3, 32, 32], 8, false);
    }
}

/// Layer norms of maps, tokens and vectors, linear layers of tokens, GELU and SiLU, as ViTs and ConvNeXts have them.
#[test]
fn tokens_and_smooth_activations() {
    let (mut b, x) = GraphBuilder::new("tokens", 3, 8, 8, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let x = b.conv("embed", x, Conv { padding: [0; 2], ..Conv::square(3, 12, 2) }.stride(2).with_bias());
    let x = b.layer_norm("norm0", x);
    b.stage("embedded", x);
    let y = b.push("silu0", Layer::Silu, &[x]);
    let y = b.conv("mix", y, Conv::square(12, 12, 3).groups(12));
    let x = b.add("sum0", x, y);
    let x = b.push("tokens", Layer::Tokens, &[x]);
    let y = b.layer_norm("norm1", x);
    let y = b.linear("up", y, Linear::new(12, 30));
    let y = b.push("gelu", Layer::Gelu, &[y]);
    let y = b.linear("down", y, Linear { bias: false, ..Linear::new(30, 12) });
    let x = b.add("sum1", x, y);
    let x = b.push("relu6", Layer::Relu6, &[x]);
    let x = b.push("clip", Layer::Clip { min: 0.1, max: 2.5 }, &[x]);
    let x = b.global_avg_pool("mean", x);
    let features = b.layer_norm("norm2", x);
    let logits = b.linear("fc", features, Linear::new(12, 7));
    agree_on("tokens", &b.finish(features, logits).unwrap(), 6, true);
}

/// Squeeze-and-excitation, the activations of MobileNetV3, zeros around a map, windows beyond it.
#[test]
fn attention_class_tokens_positions_and_factors() {
    let (mut b, x) = GraphBuilder::new("attention", 3, 6, 4, &[0.5; 3], &[0.3; 3]);
    let x = b.conv("embed", x, Conv { kernel: [2; 2], padding: [0; 2], ..Conv::square(3, 8, 2) }.stride(2).with_bias());
    let x = b.push("scale", Layer::Scale(Scale { channels: 8, spread: true, initial: 0.5 }), &[x]);
    let x = b.push("tokens", Layer::Tokens, &[x]);
    let x = b.push("class", Layer::Prepend(Prepend { width: 8, init: Init::Normal(0.5) }), &[x]);
    let x = b.push("position", Layer::Position(Position { tokens: 7, width: 8, init: Init::Normal(0.5) }), &[x]);
    let y = b.linear("qkv", x, Linear::new(8, 24));
    let y = b.push("attend", Layer::Attention(Attention { heads: 2 }), &[y]);
    let y = b.push("factors", Layer::Scale(Scale { channels: 8, spread: false, initial: 0.5 }), &[y]);
    let x = b.add("add", y, x);
    let x = b.layer_norm("norm", x);
    let features = b.push("token", Layer::Token { at: 0 }, &[x]);
    let logits = b.linear("fc", features, Linear::new(8, 5));
    agree_on("attention", &b.finish(features, logits).unwrap(), 6, true);
}

/// Weights as with decay, all else as without.
#[test]
fn decay_of_weights_alone() {
    let (mut b, x) = GraphBuilder::new("decay", 3, 4, 4, &[0.5; 3], &[0.3; 3]);
    let x = b.conv("conv", x, Conv::square(3, 8, 3).with_bias());
    let x = b.batch_norm("bn", x);
    let x = b.push("tokens", Layer::Tokens, &[x]);
    let x = b.push("class", Layer::Prepend(Prepend { width: 8, init: Init::Normal(0.5) }), &[x]);
    let x = b.push("scale", Layer::Scale(Scale { channels: 8, spread: false, initial: 0.5 }), &[x]);
    let x = b.layer_norm("norm", x);
    let features = b.global_avg_pool("pool", x);
    let logits = b.linear("fc", features, Linear::new(8, 5));
    let graph = b.finish(features, logits).unwrap();
    let (weights, pixels, n) = (init::initialise(&graph, 5), images(&graph, 4), 4);
    for rule in [Rule::Sgd { momentum: 0.9, nesterov: true }, Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 }] {
        let stepped = |engine: usize, decayed: Decayed, weight_decay: f64, at_once: bool| {
            let mut engine: Box<dyn Engine> = match engine {
                0 => Box::new(BurnEngine::new(&graph, &weights, &[], &Device::flex()).unwrap()),
                _ => Box::new(CpuEngine::new(&graph, &weights, &[], true, 2).unwrap()),
            };
            engine.decay(decayed);
            let update = Update { lr: 0.1, weight_decay, gradient_scale: 1.0, rule };
            engine.forward(Images { pixels: &pixels, n }, Mode::Train).unwrap();
            let then = if at_once { Then::Step(update) } else { Then::Accumulate };
            engine.backward(&gradients(&graph, n, &[]), then).unwrap();
            if !at_once {
                engine.step(&update).unwrap();
            }
            engine.network_state().unwrap()
        };
        for (engine, at_once) in [(0, true), (1, true), (1, false)] {
            let once = |decayed, weight_decay| stepped(engine, decayed, weight_decay, at_once);
            let [all, alone, none] =
                [once(Decayed::All, 0.3), once(Decayed::Weights, 0.3), once(Decayed::Weights, 0.0)];
            for spec in graph.parameters().iter().filter(|spec| spec.role.is_trained()) {
                let [all, alone, none] = [&all, &alone, &none].map(|state| &state[&spec.key].values);
                let begins_at_zero = weights[&spec.key].values.iter().all(|value| *value == 0.0);
                assert_eq!(all == none, begins_at_zero, "{}: decay shows", spec.key);
                let expected = if spec.role == Role::Weight { all } else { none };
                assert_eq!(alone, expected, "{rule:?} {engine} {}", spec.key);
            }
        }
    }
}

/// Each tensor at its own rate is as after a step of that rate.
#[test]
fn rates_of_each_tensor_s_own() {
    let graph = zoo::build("digits-cnn-student", &zoo::ZooOptions::new(10, 1, 8, 8)).unwrap();
    let (weights, pixels, n) = (init::initialise(&graph, 5), images(&graph, 4), 4);
    let rates = graph.rates(0.5);
    assert!(rates.values().any(|rate| *rate < 0.3) && rates["fc.weight"] == 1.0);
    for rule in [Rule::Sgd { momentum: 0.9, nesterov: true }, Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 }] {
        let stepped = |engine: usize, lr: f64, rates: Option<&BTreeMap<String, f64>>, at_once: bool| {
            let mut engine = both_engines(&graph, &weights).into_iter().nth(engine).unwrap();
            rates.into_iter().for_each(|rates| engine.scale_rates(rates));
            let update = Update { lr, weight_decay: 0.3, gradient_scale: 1.0, rule };
            engine.forward(Images { pixels: &pixels, n }, Mode::Train).unwrap();
            let then = if at_once { Then::Step(update) } else { Then::Accumulate };
            engine.backward(&gradients(&graph, n, &[]), then).unwrap();
            if !at_once {
                engine.step(&update).unwrap();
            }
            engine.network_state().unwrap()
        };
        for (engine, at_once) in [(0, true), (0, false), (1, true)] {
            let scaled = stepped(engine, 0.1, Some(&rates), at_once);
            for (key, rate) in &rates {
                let own = stepped(engine, 0.1 * rate, None, at_once);
                let apart = difference(&scaled[key].values, &own[key].values, 1e-6);
                assert!(apart < 1e-7, "{rule:?} {engine} {key}: {apart}");
            }
        }
    }
}

/// Blocks and features that are left out, and tokens as maps: both engines draw the same.
#[test]
fn what_is_left_out_and_tokens_as_maps() {
    let graph = zoo::build("resnet8", &zoo::ZooOptions::new(7, 3, 16, 16)).unwrap();
    let dropped = Dropped { blocks: 0.5, features: 0.3 };
    agree_on("resnet8 left out", &graph.dropping(dropped).unwrap(), 8, false);
    let (mut b, x) = GraphBuilder::new("seen", 3, 6, 4, &[0.5; 3], &[0.3; 3]);
    let x = b.conv("embed", x, Conv { kernel: [2; 2], padding: [0; 2], ..Conv::square(3, 8, 2) }.stride(2).with_bias());
    let x = b.push("tokens", Layer::Tokens, &[x]);
    let x = b.push("class", Layer::Prepend(Prepend { width: 8, init: Init::Normal(0.5) }), &[x]);
    let first = b.linear("mix1", x, Linear::new(8, 8));
    b.block(first);
    let y = b.linear("mix2", first, Linear::new(8, 8));
    let x = b.add("add", y, first);
    b.block(x);
    let features = b.push("token", Layer::Token { at: 0 }, &[x]);
    let logits = b.linear("fc", features, Linear::new(8, 5));
    let graph = b.finish(features, logits).unwrap();
    let stages: Vec<String> = graph.token_stages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(stages.len(), 6);
    let seen = graph.with_token_stages(&stages).unwrap();
    agree_on("seen", &seen.dropping(dropped).unwrap(), 6, true);
    // Other draws are other outputs, the same on both.
    let (weights, pixels, n) = (init::initialise(&graph, 5), images(&graph, 6), 6);
    let graph = seen.dropping(dropped).unwrap();
    let [cpu, burn] = both_engines(&graph, &weights).map(|mut engine| {
        let outputs = |draws: Draws, engine: &mut dyn Engine| {
            engine.draw_from(draws);
            let logits = engine.forward(Images { pixels: &pixels, n }, Mode::Train).unwrap().logits;
            logits.into_data().try_into_vec::<f32>().unwrap()
        };
        [0, 1, 0].map(|epoch| outputs(Draws { epoch, ..Draws::default() }, engine.as_mut()))
    });
    for [first, second, again] in [&cpu, &burn] {
        assert!(first != second && first == again);
    }
    assert!((0..2).all(|i| difference(&cpu[i], &burn[i], 1e-3) < 1e-5));
}

#[test]
fn gates_zeros_and_windows_beyond_the_map() {
    let (mut b, x) = GraphBuilder::new("gates", 3, 8, 7, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let x = b.push("zeros", Layer::Pad { around: [0, 1, 2, 0] }, &[x]);
    let x = b.conv("embed", x, Conv { padding: [0; 2], ..Conv::square(3, 12, 3) }.with_bias());
    let x = b.push("hard swish", Layer::HardSwish, &[x]);
    let x = b.push("leaky", Layer::Prelu(Prelu::Given(0.3)), &[x]);
    let x = b.push("slopes", Layer::Prelu(Prelu::Learned(12)), &[x]);
    let x = b.push("zero channels", Layer::PadChannels { before: 1, after: 2 }, &[x]);
    let x = b.conv("narrow", x, Conv::square(15, 12, 1));
    b.stage("embedded", x);
    let x = b.max_pool("max", x, Pool { beyond: [1, 0], ..Pool::new([3; 2], [2, 1], [1; 2]) });
    let s = b.global_avg_pool("squeeze", x);
    let s = b.linear("reduce", s, Linear::new(12, 4));
    let s = b.push("gelu", Layer::GeluTanh, &[s]);
    let s = b.linear("expand", s, Linear::new(4, 12));
    let s = b.push("gate", Layer::HardSigmoid, &[s]);
    let x = b.push("excite", Layer::Mul, &[x, s]);
    let y = b.push("sigmoid", Layer::Sigmoid, &[x]);
    let y = b.push("slope", Layer::Prelu(Prelu::Learned(1)), &[y]);
    let x = b.push("product", Layer::Mul, &[y, x]);
    let x = b.push("live", Layer::AvgPool(Pool { live_only: true, ..Pool::new([3; 2], [2; 2], [1; 2]) }), &[x]);
    let x = b.push("beyond", Layer::AvgPool(Pool { beyond: [1, 1], ..Pool::new([2; 2], [2; 2], [1; 2]) }), &[x]);
    let features = b.global_avg_pool("mean", x);
    let logits = b.linear("fc", features, Linear::new(12, 7));
    agree_on("gates", &b.finish(features, logits).unwrap(), 6, true);
}

#[test]
fn group_norms() {
    let (mut b, x) = GraphBuilder::new("groups", 3, 8, 7, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let x = b.conv("embed", x, Conv::square(3, 12, 3).with_bias());
    let x = b.push("norm1", Layer::GroupNorm(GroupNorm::new(4, 12)), &[x]);
    b.stage("embedded", x);
    let y = b.push("silu", Layer::Silu, &[x]);
    let y = b.conv("mix", y, Conv::square(12, 12, 3));
    let y = b.push("norm2", Layer::GroupNorm(GroupNorm { eps: 0.1, ..GroupNorm::new(1, 12) }), &[y]);
    let x = b.add("sum", x, y);
    let features = b.global_avg_pool("mean", x);
    let logits = b.linear("fc", features, Linear::new(12, 7));
    agree_on("groups", &b.finish(features, logits).unwrap(), 6, true);
}

/// Linear layers of maps, and a network whose classifier is read at every place.
#[test]
fn logits_of_every_place() {
    let (mut b, x) = GraphBuilder::new("places", 3, 8, 7, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let x = b.conv("embed", x, Conv::square(3, 12, 3).with_bias());
    let x = b.linear("mix", x, Linear { bias: false, ..Linear::new(12, 10) });
    let x = b.push("silu", Layer::Silu, &[x]);
    b.stage("mixed", x);
    let features = b.global_avg_pool("mean", x);
    let logits = b.linear("fc", features, Linear::new(10, 7));
    let graph = b.finish(features, logits).unwrap().lifted(9).unwrap();
    agree_on("places", &graph.with_class_map().unwrap(), 6, true);
    let graph = zoo::build("wrn_16_1", &zoo::ZooOptions::new(7, 3, 32, 32)).unwrap();
    agree_on("wrn_16_1", &graph.with_class_map().unwrap(), 8, false);
}

fn both_engines(graph: &Graph, weights: &Weights) -> [Box<dyn Engine>; 2] {
    let cpu = CpuEngine::new(graph, weights, &[], true, 1).unwrap();
    [Box::new(cpu), Box::new(BurnEngine::new(graph, weights, &[], &Device::flex()).unwrap())]
}

/// A frozen classifier stays as it is, bit for bit, on both engines, and its features learn as they would beside a trained one.
#[test]
fn a_frozen_head_stays_and_its_features_learn_alike() {
    let graph = zoo::build("digits-cnn-student", &zoo::ZooOptions::new(10, 1, 8, 8)).unwrap();
    let weights = init::initialise(&graph, 3);
    let (pixels, rule) = (images(&graph, 6), Rule::Sgd { momentum: 0.9, nesterov: false });
    let batch = Images { pixels: &pixels, n: 6 };
    let updates = [0.0, 0.01].map(|weight_decay| Update { lr: 0.1, weight_decay, gradient_scale: 1.0, rule });
    let engines = || both_engines(&graph, &weights);
    let pairs = updates.iter().flat_map(|update| engines().into_iter().zip(engines()).map(move |pair| (*update, pair)));
    for (update, (mut plain, frozen)) in pairs {
        let mut frozen: Box<dyn Engine> = Box::new(FrozenHead::new(frozen, &graph, &weights).unwrap());
        for engine in [&mut plain, &mut frozen] {
            engine.forward(batch, Mode::Train).unwrap();
            engine.backward(&gradients(&graph, 6, &[]), Then::Step(update)).unwrap();
        }
        let (mut plain, mut frozen) = (plain.network_state().unwrap(), frozen.network_state().unwrap());
        for key in ["fc.weight", "fc.bias"] {
            assert!(frozen[key] == weights[key] && plain[key] != weights[key], "{key}");
            plain.remove(key);
            frozen.remove(key);
        }
        compare("beside a frozen head", &frozen, &plain, 1e-5);
    }
}

/// ½ Λ² of a classifier with ten rows, Λ the largest distance between two of them.
fn half_squared_slope(weight: &[f64]) -> f64 {
    let rows: Vec<&[f64]> = weight.chunks(weight.len() / 10).collect();
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
    let pairs = rows.iter().flat_map(|a| rows.iter().map(move |b| apart(a, b)));
    0.5 * pairs.fold(0.0, f64::max)
}

/// The penalty on the classifier's slope is one more gradient step of ½ μ Λ² behind the optimizer's, on the classifier alone.
#[test]
fn a_lipschitz_head_steps_down_its_slope() {
    let graph = zoo::build("digits-cnn-student", &zoo::ZooOptions::new(10, 1, 8, 8)).unwrap();
    let weights = init::initialise(&graph, 3);
    let pixels = images(&graph, 6);
    let (batch, penalty, h) = (Images { pixels: &pixels, n: 6 }, 0.7, 1e-6);
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    let update = Update { lr: 0.1, weight_decay: 0.01, gradient_scale: 1.0, rule };
    for (mut plain, held) in both_engines(&graph, &weights).into_iter().zip(both_engines(&graph, &weights)) {
        let mut held: Box<dyn Engine> = Box::new(LipschitzHead::new(held, &graph, penalty));
        for engine in [&mut plain, &mut held] {
            engine.forward(batch, Mode::Train).unwrap();
            engine.backward(&gradients(&graph, 6, &[]), Then::Step(update)).unwrap();
        }
        let (mut plain, mut held) = (plain.network_state().unwrap(), held.network_state().unwrap());
        let before: Vec<f64> = plain.remove("fc.weight").unwrap().values.iter().map(|x| f64::from(*x)).collect();
        let after = held.remove("fc.weight").unwrap().values;
        compare("below a Lipschitz head", &held, &plain, 1e-6);
        for (k, found) in after.iter().enumerate() {
            let moved = |by: f64| {
                let mut weight = before.clone();
                weight[k] += by;
                half_squared_slope(&weight)
            };
            let expected = before[k] - 0.1 * penalty * (moved(h) - moved(-h)) / (2.0 * h);
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{k}: {found} {expected}");
        }
        let after: Vec<f64> = after.iter().map(|x| f64::from(*x)).collect();
        assert!(half_squared_slope(&after) < half_squared_slope(&before));
    }
}
