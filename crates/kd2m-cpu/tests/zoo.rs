//! Small networks of the zoo as wholes: outputs against the f64 definition, gradients along a random direction by finite differences,
//! batches of one and last short batches, the same bits twice, saving and resuming.

mod reference;

use kd2m_cpu::{CpuError, Mode, Network, Options, Rule, Then, Update, isa::Isa};
use kd2m_nn::{Graph, NamedTensor, Weights, init::initialise, zoo};
use reference::{Loss, difference, noise, run, to_f64};

fn graph(model: &str, size: usize) -> Graph {
    let channels = if model.starts_with("digits") { 1 } else { 3 };
    let options = zoo::ZooOptions::new(10, channels, size, size);
    zoo::build(model, &options).unwrap()
}

fn network(graph: &Graph, weights: &Weights) -> Network {
    Network::new(graph, weights, Options { threads: 2, ..Options::default() }).unwrap()
}

fn images(graph: &Graph, n: usize, seed: u64) -> Vec<f32> {
    noise(n * graph.input_shape().len(), seed)
}

fn whole(model: &str, size: usize, n: usize) {
    let graph = graph(model, size);
    let weights = initialise(&graph, 1);
    let mut network = network(&graph, &weights);
    let (x, tensors) = (images(&graph, n, 5), to_f64(&weights));
    let x64: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
    for (mode, train) in [(Mode::Evaluate, false), (Mode::Train, true)] {
        network.forward(&x, n, mode).unwrap();
        let (values, _) = run(&graph, &tensors, &x64, n, train);
        let apart = difference(network.logits(), &values[graph.logits().0]);
        assert!(apart < 2e-4, "{model} {mode:?} logits {apart:e}");
        let apart = difference(network.features(), &values[graph.features().0]);
        assert!(apart < 2e-4, "{model} {mode:?} features {apart:e}");
    }
    let loss = Loss::new(&graph, &[], n, 9);
    network.backward(Some(&loss.features), Some(&loss.logits), &[], Then::Accumulate).unwrap();
    // Each tensor is moved as a whole along a random direction.
    let norm = |values: &[f32]| values.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    let gradients = network.gradients();
    let largest = gradients.values().map(|g| norm(&g.values)).fold(0.0, f64::max);
    let every = gradients.len().div_ceil(40);
    for (i, (key, gradient)) in gradients.iter().enumerate().step_by(every) {
        let direction = noise(gradient.values.len(), 1000 + i as u64);
        let along = |t: f64| {
            let mut moved = tensors.clone();
            let values = moved.get_mut(key).unwrap();
            values.iter_mut().zip(&direction).for_each(|(v, d)| *v += t * f64::from(*d));
            loss.value(&graph, &run(&graph, &moved, &x64, n, true).0)
        };
        let step = 1e-7;
        let expected = (along(step) - along(-step)) / (2.0 * step);
        let ours: f64 = gradient.values.iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
        // Layers are held to 1e-4 by themselves; deep stacks of batch norms over few values magnify f32's rounding, and shifts that
        // the next batch norm takes away again have gradients that are nothing else.
        let size = norm(&gradient.values);
        let bound = 3e-2 * size + 1e-5 * largest;
        assert!((ours - expected).abs() < bound, "{model} {key}: {ours} {expected} of {size}, largest {largest}");
    }
}

#[test]
fn the_digits_pair() {
    whole("digits-cnn-teacher", 8, 3);
    whole("digits-cnn-student", 8, 4);
}

#[test]
fn a_residual_network() {
    whole("resnet8x4", 8, 2);
}

#[test]
fn a_network_of_depthwise_convolutions() {
    whole("MobileNetV2", 16, 8);
}

#[test]
fn a_network_of_shuffled_groups() {
    whole("ShuffleV1", 16, 8);
}

/// A cache of a teacher's outputs rests on it: the bits of an image's outputs do not depend on the batch that it came in. The
/// `gemm` crate, which the portable path uses, orders its sums by the batch.
#[test]
fn a_frozen_network_gives_each_image_the_same_bits_in_every_batch() {
    for isa in Isa::available() {
        for (model, size, most) in [("resnet8x4", 12, 70), ("resnet18", 32, 40), ("MobileNetV2", 16, 9)] {
            let graph = graph(model, size);
            let options = Options { threads: 2, trainable: false, isa: Some(isa), ..Options::default() };
            let mut network = Network::new(&graph, &initialise(&graph, 1), options).unwrap();
            let (x, each) = (images(&graph, most, 2), graph.input_shape().len());
            network.forward(&x, most, Mode::Evaluate).unwrap();
            let (features, logits) = (network.features().to_vec(), network.logits().to_vec());
            let same = |a: &f32, b: &f32| match isa {
                Isa::Portable => (a - b).abs() < 1e-5 * b.abs().max(1.0),
                _ => a.to_bits() == b.to_bits(),
            };
            for (first, n) in [(0, 1), (1, 4), (5, 2), (3, 1), (0, most - 1)] {
                network.forward(&x[first * each..(first + n) * each], n, Mode::Evaluate).unwrap();
                for (ours, whole) in [(network.features(), &features), (network.logits(), &logits)] {
                    let width = whole.len() / most;
                    let expected = &whole[first * width..(first + n) * width];
                    let equal = ours.len() == n * width && ours.iter().zip(expected).all(|(a, b)| same(a, b));
                    assert!(equal, "{isa} {model}: {n} images from {first}");
                }
            }
        }
    }
}

/// Evaluation of every network: a batch of one and a last short batch give what the whole batch gave, in no more memory than it.
#[test]
fn the_zoo_evaluates_single_images_and_short_batches_in_the_memory_of_a_whole_one() {
    for model in zoo::MODELS {
        let graph = graph(model.name, if model.name.starts_with("digits") { 8 } else { 32 });
        if graph.parameter_count() > 3_000_000 {
            // Drawing the weights takes longer than running them; smaller members of the families stand for these.
            continue;
        }
        let weights = initialise(&graph, 1);
        let frozen = || {
            let options = Options { threads: 2, trainable: false, ..Options::default() };
            Network::new(&graph, &weights, options).unwrap()
        };
        let (x, each) = (images(&graph, 4, 2), graph.input_shape().len());
        let mut whole = frozen();
        whole.forward(&x, 4, Mode::Evaluate).unwrap();
        let (logits, held, c) = (whole.logits().to_vec(), whole.bytes(), graph.classes());
        let exact = whole.isa() != Isa::Portable;
        let largest = logits.iter().fold(0f32, |most, v| most.max(v.abs()));
        let near = |a: &[f32], b: &[f32]| {
            let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || !exact && (a - b).abs() <= 1e-4 * largest;
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(*a, *b))
        };
        whole.forward(&x[each..], 3, Mode::Evaluate).unwrap();
        assert!(near(whole.logits(), &logits[c..]), "{}: the last three", model.name);
        // Scratch depends on how rows are cut: up to a hundredth more.
        let bound = held + held / 100;
        assert!(whole.bytes() <= bound, "{}: {} bytes after a short batch, {held} before", model.name, whole.bytes());
        let mut single = frozen();
        single.forward(&x[..each], 1, Mode::Evaluate).unwrap();
        assert!(near(single.logits(), &logits[..c]), "{}: one image", model.name);
        assert!(single.bytes() <= bound, "{}: one image takes {} bytes, four {held}", model.name, single.bytes());
    }
}

/// By which a run decides how many students it trains at once.
#[test]
fn the_memory_of_training_is_known_before() {
    for model in ["wrn_16_1", "resnet8x4", "mobilenet_v2"] {
        let graph = graph(model, 32);
        let options = Options { threads: 1, ..Options::default() };
        let mut network = Network::new(&graph, &initialise(&graph, 1), options).unwrap();
        let foretold = network.bytes_for(24) as f64;
        let update = Update {
            lr: 0.1,
            weight_decay: 0.0,
            gradient_scale: 1.0,
            rule: Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        };
        network.forward(&images(&graph, 24, 1), 24, Mode::Train).unwrap();
        let gradient = vec![0.01; 24 * graph.classes()];
        network.backward(None, Some(&gradient), &[], Then::Step(update)).unwrap();
        network.forward(&images(&graph, 24, 2), 24, Mode::Evaluate).unwrap();
        let held = network.bytes() as f64;
        assert!((0.95 * foretold..1.75 * foretold).contains(&held), "{model}: {held} bytes, {foretold} foretold");
    }
}

fn train(network: &mut Network, graph: &Graph, steps: std::ops::Range<u64>, update: Update) {
    for step in steps {
        // The last batch of four is short.
        let n = if step % 4 == 3 { 3 } else { 6 };
        network.forward(&images(graph, n, step), n, Mode::Train).unwrap();
        let loss = Loss::new(graph, &[], n, 77 + step);
        network.backward(Some(&loss.features), Some(&loss.logits), &[], Then::Step(update)).unwrap();
    }
}

#[test]
fn a_resumed_training_ends_with_the_same_bits() {
    let graph = graph("resnet8x4", 8);
    let weights = initialise(&graph, 1);
    let rules = [Rule::Sgd { momentum: 0.9, nesterov: true }, Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 }];
    for rule in rules {
        let update = Update { lr: 1e-3, weight_decay: 1e-4, gradient_scale: 0.5, rule };
        let mut straight = network(&graph, &weights);
        train(&mut straight, &graph, 0..8, update);
        let mut first = network(&graph, &weights);
        train(&mut first, &graph, 0..5, update);
        let mut second = network(&graph, &first.weights());
        second.load_optimizer_state(&first.optimizer_state()).unwrap();
        train(&mut second, &graph, 5..8, update);
        assert_eq!(straight.weights(), second.weights());
        assert_eq!(straight.optimizer_state(), second.optimizer_state());
    }
}

#[test]
fn a_count_of_steps_that_counts_nothing_is_refused() {
    let graph = graph("resnet8x4", 8);
    let mut network = network(&graph, &initialise(&graph, 1));
    let mut state = network.optimizer_state();
    for wrong in [vec![], vec![0.5], vec![0.0, -1.0], vec![f32::NAN, 0.0], vec![0.0; 3]] {
        state.insert("steps".to_owned(), NamedTensor { shape: vec![wrong.len()], values: wrong.clone() });
        let error = network.load_optimizer_state(&state).unwrap_err().to_string();
        assert!(error.contains("counts nothing"), "{wrong:?}: {error}");
    }
    state.remove("steps");
    assert!(network.load_optimizer_state(&state).unwrap_err().to_string().contains("steps"));
}

#[test]
fn a_step_at_once_is_the_accumulated_step() {
    let graph = graph("resnet8x4", 8);
    let weights = initialise(&graph, 1);
    let update = Update { lr: 0.1, weight_decay: 1e-3, ..Update::sgd(0.1, 0.9) };
    let (mut at_once, mut later) = (network(&graph, &weights), network(&graph, &weights));
    let x = images(&graph, 5, 3);
    let loss = Loss::new(&graph, &[], 5, 4);
    for _ in 0..3 {
        at_once.forward(&x, 5, Mode::Train).unwrap();
        at_once.backward(Some(&loss.features), Some(&loss.logits), &[], Then::Step(update)).unwrap();
        later.forward(&x, 5, Mode::Train).unwrap();
        later.backward(Some(&loss.features), Some(&loss.logits), &[], Then::Accumulate).unwrap();
        let squared: f64 =
            later.gradients().values().flat_map(|t| &t.values).map(|g| f64::from(*g) * f64::from(*g)).sum();
        assert!((later.gradient_norm_squared() / squared - 1.0).abs() < 1e-9);
        later.step(&update).unwrap();
        assert_eq!(later.gradient_norm_squared(), 0.0);
    }
    let (a, b) = (at_once.weights(), later.weights());
    for (key, tensor) in &a {
        let expected: Vec<f64> = b[key].values.iter().map(|v| f64::from(*v)).collect();
        let apart = difference(&tensor.values, &expected);
        assert!(apart < 1e-5, "{key} {apart:e}");
    }
}

/// On maps of 1×1 eight taps of nine only meet padding. Decay moves them all the same, and AdamW, accumulation and the file see it.
#[test]
fn weights_that_meet_only_padding_still_decay() {
    let (mut b, x) = kd2m_nn::GraphBuilder::new("tiny", 3, 2, 2, &[0.0; 3], &[1.0; 3]);
    let x = b.conv("down", x, kd2m_nn::Conv::square(3, 40, 3).stride(2));
    let x = b.conv("conv", x, kd2m_nn::Conv::square(40, 37, 3));
    let x = b.relu("relu", x);
    let f = b.global_avg_pool("pool", x);
    let logits = b.linear("fc", f, kd2m_nn::Linear::new(37, 2));
    let graph = b.finish(f, logits).unwrap();
    let weights = initialise(&graph, 3);
    let update =
        Update { lr: 0.1, weight_decay: 0.1, gradient_scale: 1.0, rule: Rule::Sgd { momentum: 0.9, nesterov: true } };
    let (mut fused, mut apart) = (network(&graph, &weights), network(&graph, &weights));
    for step in 0..5 {
        let x = images(&graph, 4, step);
        let loss = Loss::new(&graph, &[], 4, step);
        for network in [&mut fused, &mut apart] {
            network.forward(&x, 4, Mode::Train).unwrap();
        }
        fused.backward(Some(&loss.features), Some(&loss.logits), &[], Then::Step(update)).unwrap();
        apart.backward(Some(&loss.features), Some(&loss.logits), &[], Then::Accumulate).unwrap();
        apart.step(&update).unwrap();
        for (a, b) in [(fused.weights(), apart.weights()), (fused.optimizer_state(), apart.optimizer_state())] {
            for (key, tensor) in &a {
                let expected: Vec<f64> = b[key].values.iter().map(|v| f64::from(*v)).collect();
                let apart = difference(&tensor.values, &expected);
                assert!(apart < 1e-6, "{key} after step {step}: {apart:e}");
            }
        }
    }
    // The corner tap of the first weight: five decays and nothing else.
    let (mut w, mut v) = (f64::from(weights["conv.weight"].values[0]), 0.0);
    for _ in 0..5 {
        let g = 0.1 * w;
        v = 0.9 * v + g;
        w -= 0.1 * (g + 0.9 * v);
    }
    assert!((f64::from(fused.weights()["conv.weight"].values[0]) - w).abs() < 1e-6);
}

#[test]
fn a_frozen_network_is_the_same_in_evaluation_and_cannot_train() {
    let graph = graph("resnet8x4", 8);
    let weights = initialise(&graph, 1);
    let mut frozen = Network::new(&graph, &weights, Options { trainable: false, ..Options::default() }).unwrap();
    let mut free = network(&graph, &weights);
    let x = images(&graph, 4, 3);
    frozen.forward(&x, 4, Mode::Evaluate).unwrap();
    free.forward(&x, 4, Mode::Evaluate).unwrap();
    // A frozen network may choose other kernels: its weights are transformed once.
    let expected: Vec<f64> = free.features().iter().map(|v| f64::from(*v)).collect();
    assert!(difference(frozen.features(), &expected) < 1e-5);
    assert_eq!(frozen.weights(), weights);
    assert_eq!(frozen.forward(&x, 4, Mode::Train), Err(CpuError::Frozen));
    assert_eq!(free.backward(None, None, &[], Then::Accumulate), Err(CpuError::NoForward));
}

#[test]
fn mistakes_are_errors_that_say_what_to_do() {
    let graph = graph("resnet8x4", 8);
    let weights = initialise(&graph, 1);
    let of = |options: Options| Network::new(&graph, &weights, options).map(|_| ());
    let message = of(Options { stages: vec!["layer9".into()], ..Options::default() }).unwrap_err().to_string();
    assert!(message.contains("layer9") && message.contains(&graph.stages()[0].0), "{message}");
    let mut incomplete = weights.clone();
    let (key, _) = incomplete.pop_first().unwrap();
    let error = Network::new(&graph, &incomplete, Options::default()).map(|_| ()).unwrap_err();
    assert_eq!(error, CpuError::MissingTensor { key });
    let mut network = network(&graph, &weights);
    assert_eq!(network.forward(&[], 0, Mode::Train), Err(CpuError::EmptyBatch));
    assert!(matches!(network.forward(&[0.0; 5], 1, Mode::Evaluate), Err(CpuError::WrongLength { .. })));
    assert_eq!(network.step(&Update::sgd(0.1, 0.0)), Err(CpuError::NoGradient));
    assert!(network.map("layer1").is_err());
}
