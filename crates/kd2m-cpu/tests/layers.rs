//! Each layer at odd sizes against its definition in f64: outputs in both modes, running statistics, and all gradients by finite
//! differences of the f64 definition, over instruction sets, numbers of threads and batch sizes.

mod reference;

use kd2m_cpu::{Mode, Network, Options, Then, isa::Isa};
use kd2m_nn::{
    Attention, Conv, Dropout, Graph, GraphBuilder, GroupNorm, Init, Layer, LayerNorm, Linear, NamedTensor, NodeId,
    Places, Pool, Position, Prelu, Prepend, Quantise, Role, Scale, Weights, step::Draws,
};
use reference::{Loss, difference, noise, run, to_f64};

/// Random weights with positive variances and scales of both signs.
fn weights(graph: &Graph, seed: u64) -> Weights {
    let mut weights = Weights::new();
    for (i, spec) in graph.parameters().into_iter().enumerate() {
        let draw = noise(spec.len(), seed + 100 * i as u64);
        let fan: usize = spec.shape[1..].iter().product();
        let values = draw.iter().map(|v| match spec.role {
            Role::Weight => v * (3.0 / fan as f32).sqrt(),
            Role::Scale => 1.0 + 0.5 * v,
            Role::RunningVariance => 1.0 + 0.9 * v,
            Role::Bias | Role::Shift | Role::RunningMean | Role::Embedding => 0.5 * v,
        });
        weights.insert(spec.key, NamedTensor { shape: spec.shape, values: values.collect() });
    }
    weights
}

/// Compares everything on one graph.
fn check(graph: &Graph, n: usize, isa: Isa, threads: usize) {
    let what = format!("{} n={n} {isa} threads={threads}", graph.name);
    let stages: Vec<String> = graph.stages().iter().map(|(s, _)| s.clone()).collect();
    let weights = weights(graph, 7);
    let options = Options { threads, stages: stages.clone(), isa: Some(isa), ..Options::default() };
    let mut network = Network::new(graph, &weights, options).unwrap();
    let images = noise(n * graph.input_shape().len(), 3);
    let images64: Vec<f64> = images.iter().map(|v| f64::from(*v)).collect();
    let tensors = to_f64(&weights);
    let loss = Loss::new(graph, &stages, n, 50);

    let (values, _) = run(graph, &tensors, &images64, n, false);
    network.forward(&images, n, Mode::Evaluate).unwrap();
    let outputs = |network: &Network, values: &[Vec<f64>], mode: &str| {
        let near = |name: &str, ours: &[f32], node: NodeId| {
            let apart = difference(ours, &values[node.0]);
            assert!(apart < 3e-5, "{what} {mode} {name}: {apart:e}");
        };
        near("features", network.features(), graph.features());
        near("logits", network.logits(), graph.logits());
        for stage in &stages {
            near(stage, &network.map(stage).unwrap(), graph.stage(stage).unwrap());
        }
    };
    outputs(&network, &values, "evaluate");

    let (values, running) = run(graph, &tensors, &images64, n, true);
    network.forward(&images, n, Mode::Train).unwrap();
    outputs(&network, &values, "train");
    let after = network.weights();
    for (key, expected) in &running {
        let apart = difference(&after[key].values, expected);
        assert!(apart < 1e-5, "{what} {key}: {apart:e}");
    }

    let maps: Vec<(&str, &[f32])> = loss.maps.iter().map(|(s, _, c)| (s.as_str(), &c[..])).collect();
    network.backward(Some(&loss.features), Some(&loss.logits), &maps, Then::Accumulate).unwrap();
    let gradients = network.gradients();
    for (key, ours) in &gradients {
        // Finite differences at up to a dozen values of each tensor.
        let length = ours.values.len();
        let picks: Vec<usize> = (0..length.min(12)).map(|i| (i * 7919 + 3) % length).collect();
        let mut expected = Vec::new();
        for &at in &picks {
            let step = 1e-6;
            let value = |delta: f64| {
                let mut moved = tensors.clone();
                moved.get_mut(key).unwrap()[at] += delta;
                loss.value(graph, &run(graph, &moved, &images64, n, true).0)
            };
            expected.push((value(step) - value(-step)) / (2.0 * step));
        }
        let picked: Vec<f32> = picks.iter().map(|at| ours.values[*at]).collect();
        let size = expected.iter().map(|v| v * v).sum::<f64>().sqrt();
        let apart = picked.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt();
        assert!(
            apart < 2e-4 * size.max(0.05),
            "{what} gradient of {key}: {apart:e} of {size:e}\n{picked:?}\n{expected:?}"
        );
    }
    // A second pass adds as much again.
    network.backward(Some(&loss.features), Some(&loss.logits), &maps, Then::Accumulate).unwrap();
    for (key, twice) in network.gradients() {
        let doubled: Vec<f64> = gradients[&key].values.iter().map(|v| 2.0 * f64::from(*v)).collect();
        assert!(difference(&twice.values, &doubled) < 1e-5, "{what} accumulated {key}");
    }
}

fn everywhere(graph: &Graph, batches: &[usize]) {
    for isa in Isa::available() {
        for &n in batches {
            check(graph, n, isa, 1 + n % 3);
        }
    }
}

/// A graph of one block between a first convolution (so that gradients flow through the block) and a classifier.
fn around(
    name: &str,
    channels: usize,
    h: usize,
    w: usize,
    block: impl FnOnce(&mut GraphBuilder, NodeId) -> NodeId,
) -> Graph {
    let (mut b, x) = GraphBuilder::new(name, 2, h, w, &[0.3, 0.4], &[0.5, 0.7]);
    let x = b.conv("first", x, Conv::square(2, channels, 1).with_bias());
    b.stage("before", x);
    let y = block(&mut b, x);
    b.stage("after", y);
    let pooled = match b.shape(y) {
        kd2m_nn::Shape::Vector(_) => y,
        _ => b.global_avg_pool("pool", y),
    };
    let d = b.shape(pooled).len();
    let logits = b.linear("fc", pooled, Linear::new(d, 3));
    b.finish(pooled, logits).unwrap()
}

/// The same of tokens; what the block gives is averaged if it is tokens still.
fn around_tokens(
    name: &str,
    channels: usize,
    h: usize,
    w: usize,
    block: impl FnOnce(&mut GraphBuilder, NodeId) -> NodeId,
) -> Graph {
    around(name, channels, h, w, |b, x| {
        let x = b.push("tokens", Layer::Tokens, &[x]);
        let y = block(b, x);
        if matches!(b.shape(y), kd2m_nn::Shape::Vector(_)) { y } else { b.global_avg_pool("mean", y) }
    })
}

fn conv(channels: usize, outputs: usize, kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Conv {
    Conv { kernel, stride, padding, ..Conv::square(channels, outputs, 1) }
}

#[test]
fn convolutions_of_many_shapes() {
    let shapes = [
        ("3x3", conv(5, 7, [3, 3], [1, 1], [1, 1])),
        ("3x3 wide", conv(17, 37, [3, 3], [1, 1], [1, 1])),
        ("3x3 even", conv(32, 64, [3, 3], [1, 1], [1, 1])),
        ("3x3 stride 2", conv(33, 20, [3, 3], [2, 2], [1, 1])),
        ("1x1 stride 2", conv(6, 48, [1, 1], [2, 2], [0, 0])),
        ("5x3 stride 1,2", conv(4, 9, [5, 3], [1, 2], [2, 0])),
        ("3x3 dilated", Conv { dilation: [2, 2], padding: [2, 2], ..Conv::square(3, 5, 3) }),
        ("no padding", conv(16, 16, [3, 3], [1, 1], [0, 0])),
        ("groups", Conv::square(12, 18, 3).groups(3)),
        ("groups of 1x1", Conv::square(40, 70, 1).groups(2)),
        ("depthwise", Conv::square(19, 19, 3).groups(19)),
        ("depthwise stride 2", Conv::square(33, 33, 3).groups(33).stride(2)),
        ("depthwise doubled", Conv::square(4, 8, 3).groups(4)),
    ];
    for (name, conv) in shapes {
        let graph = around(name, conv.in_channels, 6, 5, |b, x| b.conv("conv", x, conv));
        everywhere(&graph, &[1, 3, 16]);
    }
}

#[test]
fn a_first_convolution_reads_images_with_a_border() {
    for (kernel, stride, padding) in [([7, 7], [2, 2], [3, 3]), ([3, 3], [1, 1], [1, 1]), ([5, 3], [2, 1], [0, 1])] {
        let (mut b, x) = GraphBuilder::new("stem", 3, 9, 11, &[0.1, 0.2, 0.3], &[0.5, 0.6, 0.7]);
        let y = b.conv("conv1", x, conv(3, 21, kernel, stride, padding));
        let y = b.batch_norm("bn1", y);
        let y = b.relu("relu", y);
        let f = b.global_avg_pool("pool", y);
        let logits = b.linear("fc", f, Linear::new(21, 4));
        everywhere(&b.finish(f, logits).unwrap(), &[1, 2, 5]);
    }
}

#[test]
fn batch_norm_alone_and_with_all_that_fuses() {
    for channels in [1, 5, 16, 70] {
        let plain = around("norm", channels, 3, 5, |b, x| b.batch_norm("bn", x));
        everywhere(&plain, &[2, 7]);
        let relu = around("norm relu", channels, 3, 5, |b, x| {
            let y = b.batch_norm("bn", x);
            b.relu("relu", y)
        });
        everywhere(&relu, &[2, 7]);
        let relu6 = around("norm relu6", channels, 3, 5, |b, x| {
            let y = b.batch_norm("bn", x);
            b.push("relu6", Layer::Relu6, &[y])
        });
        everywhere(&relu6, &[2, 7]);
        let clip = around("norm clip", channels, 3, 5, |b, x| {
            let y = b.batch_norm("bn", x);
            b.push("clip", Layer::Clip { min: -0.4, max: 0.6 }, &[y])
        });
        everywhere(&clip, &[2, 7]);
        let residual = around("norm residual", channels, 3, 5, |b, x| {
            let y = b.conv("conv", x, Conv::square(channels, channels, 3));
            let y = b.batch_norm("bn", y);
            let y = b.add("add", y, x);
            b.relu("relu", y)
        });
        everywhere(&residual, &[2, 7]);
    }
}

#[test]
fn vectors_are_normalised_too() {
    let graph = around("vectors", 3, 2, 3, |b, x| {
        let v = b.flatten("flatten", x);
        let v = b.linear("hidden", v, Linear::new(18, 11));
        let v = b.batch_norm("bn", v);
        let v = b.relu("relu", v);
        let v = b.linear("hidden2", v, Linear::new(11, 5));
        b.relu("relu2", v)
    });
    everywhere(&graph, &[2, 9]);
}

#[test]
fn additions_of_every_kind() {
    type Block = fn(&mut GraphBuilder, NodeId) -> NodeId;
    let cases: [(&str, Block); 6] = [
        ("to itself", |b, x| b.add("add", x, x)),
        ("norm of itself", |b, x| {
            let y = b.batch_norm("bn", x);
            b.add("add", y, x)
        }),
        ("conv of itself", |b, x| {
            let y = b.conv("conv", x, Conv::square(4, 4, 3));
            let y = b.add("add", x, y);
            b.push("relu6", Layer::Relu6, &[y])
        }),
        ("two branches", |b, x| {
            let y = b.conv("conv", x, Conv::square(4, 4, 3));
            let y = b.batch_norm("bn1", y);
            let z = b.conv("down", x, Conv::square(4, 4, 1));
            let z = b.batch_norm("bn2", z);
            let y = b.add("add", y, z);
            b.relu("relu", y)
        }),
        ("pre-activation", |b, x| {
            let y = b.batch_norm("bn1", x);
            let y = b.relu("relu1", y);
            let z = b.conv("conv1", y, Conv::square(4, 4, 3));
            let short = b.conv("short", y, Conv::square(4, 4, 1));
            let z = b.batch_norm("bn2", z);
            let z = b.relu("relu2", z);
            let z = b.conv("conv2", z, Conv::square(4, 4, 3));
            let y = b.add("add", z, short);
            let z = b.batch_norm("bn3", y);
            let z = b.relu("relu3", z);
            let z = b.conv("conv3", z, Conv::square(4, 4, 3));
            b.add("add2", z, y)
        }),
        ("activation first", |b, x| {
            let y = b.relu("relu", x);
            b.add("add", y, x)
        }),
    ];
    for (name, block) in cases {
        everywhere(&around(name, 4, 4, 3, block), &[2, 5]);
    }
}

#[test]
fn pooling_and_moving() {
    let pool = |kernel, stride, padding| Pool::new(kernel, stride, padding);
    let layers = [
        ("max 3/2", Layer::MaxPool(pool([3, 3], [2, 2], [1, 1]))),
        ("max 2/2", Layer::MaxPool(pool([2, 2], [2, 2], [0, 0]))),
        ("max 2x3/1", Layer::MaxPool(pool([2, 3], [1, 1], [0, 1]))),
        ("average 3/2", Layer::AvgPool(pool([3, 3], [2, 2], [1, 1]))),
        ("average 2/1", Layer::AvgPool(pool([2, 2], [1, 1], [0, 0]))),
        ("max with a partial window", Layer::MaxPool(Pool { beyond: [1, 1], ..pool([2, 2], [2, 2], [0, 0]) })),
        ("max of 3 beyond", Layer::MaxPool(Pool { beyond: [0, 1], ..pool([3, 3], [2, 3], [1, 1]) })),
        ("average of live places", Layer::AvgPool(Pool { live_only: true, ..pool([3, 3], [2, 2], [1, 1]) })),
        ("average beyond", Layer::AvgPool(Pool { beyond: [1, 1], live_only: true, ..pool([2, 2], [2, 2], [0, 0]) })),
        ("average beyond padding", Layer::AvgPool(Pool { beyond: [0, 1], ..pool([3, 3], [2, 3], [1, 1]) })),
        ("zeros", Layer::Pad { around: [0, 1, 2, 3] }),
        ("zero channels", Layer::PadChannels { before: 2, after: 3 }),
        ("shuffle", Layer::ChannelShuffle { groups: 3 }),
        ("slice", Layer::Slice { start: 2, len: 3 }),
        ("flatten", Layer::Flatten),
    ];
    for (name, layer) in layers {
        let alone = around(name, 6, 5, 7, |b, x| b.push("layer", layer.clone(), &[x]));
        everywhere(&alone, &[1, 4]);
        // With a second reader of the input, gradients are added to what is there.
        let shared = around(name, 6, 5, 7, |b, x| {
            let y = b.push("layer", layer.clone(), &[x]);
            let y = if matches!(b.shape(y), kd2m_nn::Shape::Map { .. }) { b.global_avg_pool("gap", y) } else { y };
            let z = b.global_avg_pool("gap2", x);
            let (dy, dz) = (b.shape(y).len(), b.shape(z).len());
            let y = b.linear("a", y, Linear::new(dy, 4));
            let z = b.linear("b", z, Linear::new(dz, 4));
            b.add("sum", y, z)
        });
        everywhere(&shared, &[2]);
    }
}

/// The classifier at every place of the last map, whose gradients meet those of the features and of the logits.
#[test]
fn linear_layers_at_each_place() {
    for (channels, h, w) in [(5, 4, 3), (17, 1, 6), (33, 5, 5)] {
        let graph = around("places", channels, h, w, |b, x| {
            let y = b.linear("up", x, Linear::new(channels, 19));
            let y = b.relu("relu", y);
            b.linear("down", y, Linear { bias: false, ..Linear::new(19, channels) })
        });
        everywhere(&graph, &[2, 5]);
        let mapped = graph.with_class_map().unwrap();
        everywhere(&mapped, &[2, 5]);
        let lifted = around("lifted", channels, h, w, |b, x| b.relu("relu", x)).lifted(11).unwrap();
        everywhere(&lifted.with_class_map().unwrap(), &[3]);
    }
}

#[test]
fn concatenation_and_dense_reuse() {
    let graph = around("dense", 3, 4, 5, |b, x| {
        let y = b.conv("conv1", x, Conv::square(3, 5, 3));
        let z = b.push("cat1", Layer::Concat, &[x, y]);
        let n = b.batch_norm("bn", z);
        let n = b.relu("relu", n);
        let w = b.conv("conv2", n, Conv::square(8, 4, 1));
        b.push("cat2", Layer::Concat, &[z, w, z])
    });
    everywhere(&graph, &[2, 3]);
}

#[test]
fn layer_norms_alone_and_with_all_that_fuses() {
    for channels in [1, 5, 16, 70] {
        let plain = around("layer norm", channels, 3, 5, |b, x| b.layer_norm("ln", x));
        everywhere(&plain, &[1, 7]);
        let relu6 = around("layer norm relu6", channels, 3, 5, |b, x| {
            let y = b.push("ln", Layer::LayerNorm(LayerNorm { width: channels, eps: 0.1 }), &[x]);
            b.push("relu6", Layer::Relu6, &[y])
        });
        everywhere(&relu6, &[2]);
        let residual = around("layer norm residual", channels, 3, 5, |b, x| {
            let y = b.conv("conv", x, Conv::square(channels, channels, 3));
            let y = b.layer_norm("ln", y);
            let y = b.add("add", y, x);
            b.relu("relu", y)
        });
        everywhere(&residual, &[2]);
        let of_itself = around("layer norm of itself", channels, 3, 5, |b, x| {
            let y = b.layer_norm("ln", x);
            b.add("add", x, y)
        });
        everywhere(&of_itself, &[2]);
    }
    // Many rows: several tasks, each with sums of its own.
    everywhere(&around("layer norm of many rows", 3, 24, 24, |b, x| b.layer_norm("ln", x)), &[2]);
}

#[test]
fn group_norms_alone_and_with_all_that_fuses() {
    for (groups, channels) in [(1, 1), (1, 5), (5, 5), (4, 16), (7, 70)] {
        let norm = Layer::GroupNorm(GroupNorm { eps: 0.01, ..GroupNorm::new(groups, channels) });
        let push = |b: &mut GraphBuilder, x| b.push("gn", norm.clone(), &[x]);
        everywhere(&around("group norm", channels, 3, 5, push), &[1, 7]);
        let relu6 = around("group norm relu6", channels, 3, 5, |b, x| {
            let y = push(b, x);
            b.push("relu6", Layer::Relu6, &[y])
        });
        everywhere(&relu6, &[2]);
        let residual = around("group norm residual", channels, 3, 5, |b, x| {
            let y = b.conv("conv", x, Conv::square(channels, channels, 3));
            let y = push(b, y);
            let y = b.add("add", y, x);
            b.relu("relu", y)
        });
        everywhere(&residual, &[2]);
        let of_itself = around("group norm of itself", channels, 3, 5, |b, x| {
            let y = push(b, x);
            b.add("add", x, y)
        });
        everywhere(&of_itself, &[2]);
    }
    // Several tasks, by rows and by columns, each with sums of its own.
    let many = Layer::GroupNorm(GroupNorm::new(10, 530));
    everywhere(&around("group norm of many columns", 530, 3, 3, |b, x| b.push("gn", many, &[x])), &[2]);
    let many = Layer::GroupNorm(GroupNorm::new(1, 3));
    everywhere(&around("group norm of many rows", 3, 24, 24, |b, x| b.push("gn", many, &[x])), &[2]);
}

#[test]
fn smooth_activations() {
    for layer in [Layer::Gelu, Layer::GeluTanh, Layer::Silu, Layer::Sigmoid, Layer::HardSigmoid, Layer::HardSwish] {
        let alone = around("smooth", 7, 4, 5, |b, x| b.push("f", layer.clone(), &[x]));
        everywhere(&alone, &[1, 3]);
        let shared = around("smooth shared", 7, 4, 5, |b, x| {
            let y = b.push("f", layer.clone(), &[x]);
            let y = b.push("g", layer.clone(), &[y]);
            b.add("add", y, x)
        });
        everywhere(&shared, &[2]);
        let normed = around("smooth after a norm", 6, 4, 5, |b, x| {
            let y = b.batch_norm("bn", x);
            let y = b.push("f", layer.clone(), &[y]);
            let y = b.conv("conv", y, Conv::square(6, 6, 1));
            b.add("add", y, x)
        });
        everywhere(&normed, &[3]);
    }
}

/// In evaluation they are computed by the convolution before them: by every kernel, with all that it may have taken in before, and what
/// follows has to see their values.
#[test]
fn smooth_activations_that_a_convolution_takes_in() {
    for layer in [Layer::Gelu, Layer::Silu, Layer::HardSwish] {
        let f = |b: &mut GraphBuilder, name: &str, x| b.push(name, layer.clone(), &[x]);
        let depthwise = around("after a depthwise convolution", 20, 5, 6, |b, x| {
            let y = b.conv("conv", x, Conv { groups: 20, ..Conv::square(20, 20, 3) });
            let y = b.batch_norm("bn", y);
            let y = f(b, "f", y);
            let y = b.batch_norm("bn after", y);
            b.relu("relu", y)
        });
        everywhere(&depthwise, &[2]);
        let wide = around("after a wide one", 6, 12, 12, |b, x| {
            let y = b.conv("conv", x, Conv::square(6, 7, 3).with_bias());
            let y = f(b, "f", y);
            let y = f(b, "f again", y);
            b.relu("relu", y)
        });
        everywhere(&wide, &[1, 3]);
        let sum = around("after a sum", 6, 3, 4, |b, x| {
            let y = b.conv("conv", x, Conv::square(6, 6, 1));
            let y = b.add("add", y, x);
            let y = f(b, "f", y);
            b.add("add after", y, x)
        });
        everywhere(&sum, &[1, 4]);
    }
}

#[test]
fn slopes_below_zero_given_and_learned() {
    for prelu in [Prelu::Given(0.2), Prelu::Learned(1), Prelu::Learned(7)] {
        let layer = Layer::Prelu(prelu);
        let alone = around("prelu", 7, 4, 5, |b, x| b.push("f", layer.clone(), &[x]));
        everywhere(&alone, &[1, 3]);
        let shared = around("prelu shared", 7, 4, 5, |b, x| {
            let y = b.conv("conv", x, Conv::square(7, 7, 3));
            let y = b.push("f", layer.clone(), &[y]);
            b.add("add", y, x)
        });
        everywhere(&shared, &[2]);
        everywhere(&around_tokens("prelu of tokens", 7, 2, 3, |b, x| b.push("f", layer.clone(), &[x])), &[2]);
    }
}

#[test]
fn tokens_through_a_block_of_linear_layers() {
    let graph = around("tokens", 9, 3, 4, |b, x| {
        let x = b.push("tokens", Layer::Tokens, &[x]);
        let y = b.layer_norm("norm", x);
        let y = b.linear("up", y, Linear::new(9, 20));
        let y = b.push("gelu", Layer::Gelu, &[y]);
        let y = b.linear("down", y, Linear { bias: false, ..Linear::new(20, 9) });
        let x = b.add("sum", x, y);
        let x = b.global_avg_pool("mean", x);
        let x = b.layer_norm("last", x);
        b.push("silu", Layer::Silu, &[x])
    });
    everywhere(&graph, &[1, 4]);
    // A map of one place is one token.
    let one = around("one token", 6, 1, 1, |b, x| {
        let x = b.push("tokens", Layer::Tokens, &[x]);
        let x = b.linear("linear", x, Linear::new(6, 8));
        b.global_avg_pool("mean", x)
    });
    everywhere(&one, &[3]);
}

/// The gradient of what is added to a batch norm or a layer norm is that of the sum, also where nobody asks for the norm's own.
#[test]
fn what_is_added_to_a_norm_of_the_images_learns() {
    type Norm = fn(&mut GraphBuilder, &str, NodeId) -> NodeId;
    for (name, norm) in [("batch", GraphBuilder::batch_norm as Norm), ("layer", GraphBuilder::layer_norm as Norm)] {
        let (mut b, x) = GraphBuilder::new(name, 5, 3, 4, &[0.4; 5], &[0.5; 5]);
        let y = norm(&mut b, "norm", x);
        let z = b.conv("conv", x, Conv::square(5, 5, 3));
        let y = b.add("add", y, z);
        let y = b.relu("relu", y);
        let f = b.global_avg_pool("pool", y);
        let logits = b.linear("fc", f, Linear::new(5, 3));
        everywhere(&b.finish(f, logits).unwrap(), &[4]);
    }
}

#[test]
fn products_of_branches_and_gates() {
    for channels in [1, 6, 33] {
        let of_branches = around("product", channels, 4, 5, |b, x| {
            let y = b.conv("conv", x, Conv::square(channels, channels, 3));
            let y = b.push("mul", Layer::Mul, &[x, y]);
            b.push("square", Layer::Mul, &[y, y])
        });
        everywhere(&of_branches, &[1, 3]);
        // Squeeze-and-excitation, whose map has other readers too.
        let excited = around("squeeze and excite", channels, 4, 5, |b, x| {
            let s = b.global_avg_pool("squeeze", x);
            let s = b.linear("reduce", s, Linear::new(channels, 4));
            let s = b.push("hard swish", Layer::HardSwish, &[s]);
            let s = b.linear("expand", s, Linear::new(4, channels));
            let s = b.push("gate", Layer::HardSigmoid, &[s]);
            let y = b.push("mul", Layer::Mul, &[x, s]);
            let y = b.relu("relu", y);
            b.add("add", y, x)
        });
        everywhere(&excited, &[1, 4]);
        let one_place = around("map of one place", channels, 4, 5, |b, x| {
            let s = b.conv("place", x, Conv { kernel: [4, 5], ..conv(channels, channels, [1, 1], [1, 1], [0, 0]) });
            b.push("mul", Layer::Mul, &[x, s])
        });
        everywhere(&one_place, &[2]);
    }
    // Many values: several tasks.
    everywhere(&around("large product", 70, 9, 9, |b, x| b.push("mul", Layer::Mul, &[x, x])), &[13]);
}

#[test]
fn values_on_a_grid_and_their_straight_gradient() {
    // Values of ±1 and some beyond the grid: the finite differences of a staircase are no use, the straight gradient is known.
    let grid = Quantise { step: 1.0 / 256.0, zero: 20 };
    let [low, high] = grid.range();
    let (mut b, x) = GraphBuilder::new("grid", 1, 3, 5, &[0.0], &[1.0]);
    let x = b.conv("one", x, Conv::square(1, 1, 1));
    b.stage("before", x);
    let y = b.push("grid", Layer::Quantise(grid), &[x]);
    b.stage("after", y);
    let f = b.flatten("flatten", y);
    let logits = b.linear("fc", f, Linear { bias: false, ..Linear::new(15, 1) });
    let graph = b.finish(f, logits).unwrap();
    let one = |values: Vec<f32>, shape: Vec<usize>| NamedTensor { shape, values };
    let weights = Weights::from([
        ("one.weight".to_owned(), one(vec![1.0], vec![1, 1, 1, 1])),
        ("fc.weight".to_owned(), one(noise(15, 9), vec![1, 15])),
    ]);
    for isa in Isa::available() {
        let n = 3;
        let images: Vec<f32> = noise(n * 15, 4);
        let options = Options { stages: vec!["before".into(), "after".into()], isa: Some(isa), ..Options::default() };
        let mut network = Network::new(&graph, &weights, options).unwrap();
        network.forward(&images, n, Mode::Train).unwrap();
        let (before, after) = (network.map("before").unwrap(), network.map("after").unwrap());
        for (x, y) in before.iter().zip(&after) {
            let expected = ((f64::from(*x) * 256.0).round_ties_even() + 20.0).clamp(-128.0, 127.0) - 20.0;
            assert_eq!(f64::from(*y), expected / 256.0, "{isa}: {x}");
        }
        assert!(before.iter().any(|x| *x > high) && before.iter().any(|x| *x < low));
        network.backward(None, Some(&[1.0; 3]), &[], Then::Accumulate).unwrap();
        // d/dw of Σ fc · grid(w x) = Σ fc · x over the values within.
        let fc = noise(15, 9);
        let within = before.iter().enumerate().filter(|(_, x)| **x >= low && **x <= high);
        let expected: f64 = within.map(|(i, x)| f64::from(*x) * f64::from(fc[i % 15])).sum();
        let found = f64::from(network.gradients()["one.weight"].values[0]);
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{isa}: {found} {expected}");
    }
}

/// Heads narrower and wider than a vector, tokens fewer and more than a block of queries.
#[test]
fn attention_over_few_and_many_tokens() {
    for (height, width, heads, each, batches) in [(2, 3, 1, 5, &[1, 3][..]), (5, 7, 3, 4, &[2]), (3, 3, 2, 17, &[3])] {
        let d = heads * each;
        let graph = around_tokens("attention", d, height, width, |b, x| {
            let y = b.linear("qkv", x, Linear::new(d, 3 * d));
            let y = b.push("attend", Layer::Attention(Attention { heads }), &[y]);
            b.add("add", y, x)
        });
        everywhere(&graph, batches);
    }
}

#[test]
fn class_tokens_and_positions() {
    let graph = around_tokens("class token", 6, 2, 3, |b, x| {
        let x = b.push("class", Layer::Prepend(Prepend { width: 6, init: Init::Normal(1.0) }), &[x]);
        let x = b.push("position", Layer::Position(Position { tokens: 7, width: 6, init: Init::Normal(1.0) }), &[x]);
        // Twice read: its gradient is a sum.
        let y = b.layer_norm("norm", x);
        let x = b.add("add", x, y);
        b.push("second", Layer::Token { at: 1 }, &[x])
    });
    everywhere(&graph, &[1, 4]);
}

#[test]
fn factors_of_channels_alone_and_with_what_follows() {
    for spread in [false, true] {
        let scale = |channels: usize| Layer::Scale(Scale { channels, spread, initial: 0.5 });
        let maps = around("scale", 5, 3, 4, |b, x| {
            let y = b.conv("conv", x, Conv::square(5, 5, 3));
            let y = b.push("scale", scale(5), &[y]);
            let y = b.add("add", y, x);
            b.push("factors", scale(5), &[y])
        });
        everywhere(&maps, &[1, 3]);
        let tokens = around_tokens("scaled tokens", 5, 3, 4, |b, x| b.push("scale", scale(5), &[x]));
        everywhere(&tokens, &[2]);
    }
}

#[test]
fn what_is_left_out_at_random_alone_and_with_what_follows() {
    for whole in [true, false] {
        let drop = |rate: f64, number: u64| Layer::Dropout(Dropout { rate, whole, number });
        let alone = around("dropout", 5, 3, 4, |b, x| b.push("drop", drop(0.4, 1), &[x]));
        everywhere(&alone, &[1, 6]);
        let block = around("left out block", 5, 3, 4, |b, x| {
            let y = b.conv("conv", x, Conv::square(5, 5, 3));
            let y = b.batch_norm("bn", y);
            let y = b.push("drop", drop(0.5, 2), &[y]);
            let y = b.add("add", y, x);
            let y = b.relu("relu", y);
            // The sum is read again, and the branch by others too.
            let z = b.push("second", drop(0.3, 3), &[y]);
            b.add("sum", z, y)
        });
        everywhere(&block, &[2, 7]);
        let vector = around("left out features", 6, 3, 4, |b, x| {
            let y = b.global_avg_pool("mean", x);
            b.push("drop", drop(0.5, 4), &[y])
        });
        everywhere(&vector, &[5]);
        let tokens = around_tokens("left out tokens", 6, 2, 3, |b, x| {
            let y = b.linear("linear", x, Linear::new(6, 6));
            let y = b.push("drop", drop(0.5, 5), &[y]);
            b.add("add", y, x)
        });
        everywhere(&tokens, &[4]);
    }
}

/// A mask that is written down: of four samples the second and the third lose the branch, which counts twice in the others.
#[test]
fn a_left_out_branch_by_hand() {
    let number = (0..200).find(|number| {
        let kept = |sample| Draws::default().unit(*number, sample, 0) >= 0.5;
        (0..4).map(kept).eq([true, false, false, true])
    });
    let (mut b, x) = GraphBuilder::new("by hand", 1, 1, 1, &[0.0], &[1.0]);
    let y = b.conv("tenfold", x, Conv::square(1, 1, 1));
    let drop = Dropout { rate: 0.5, whole: true, number: number.unwrap() };
    let y = b.push("drop", Layer::Dropout(drop), &[y]);
    let x = b.add("add", y, x);
    let f = b.flatten("features", x);
    let logits = b.linear("fc", f, Linear { bias: false, ..Linear::new(1, 1) });
    let graph = b.finish(f, logits).unwrap();
    let one = |value: f32, shape: &[usize]| NamedTensor { shape: shape.to_vec(), values: vec![value] };
    let weights = Weights::from([
        ("tenfold.weight".to_owned(), one(10.0, &[1, 1, 1, 1])),
        ("fc.weight".to_owned(), one(1.0, &[1, 1])),
    ]);
    for isa in Isa::available() {
        let mut network = Network::new(&graph, &weights, Options { isa: Some(isa), ..Options::default() }).unwrap();
        let images = [1.0, 2.0, 3.0, 4.0];
        network.forward(&images, 4, Mode::Evaluate).unwrap();
        assert_eq!(network.features(), [11.0, 22.0, 33.0, 44.0]);
        network.forward(&images, 4, Mode::Train).unwrap();
        assert_eq!(network.features(), [21.0, 2.0, 3.0, 84.0], "{isa}");
        network.backward(None, Some(&[1.0, 10.0, 100.0, 1000.0]), &[], Then::Accumulate).unwrap();
        // d/dw of Σ g (2 w x) over the first and the last.
        assert_eq!(network.gradients()["tenfold.weight"].values, [2.0 * 1.0 + 2.0 * 4000.0]);
        // The last two of these samples are the first two of a batch that another rank begins.
        network.draw_from(Draws { first: 2, ..Draws::default() });
        network.forward(&images[2..], 2, Mode::Train).unwrap();
        assert_eq!(network.features(), [3.0, 84.0]);
    }
}

#[test]
fn tokens_seen_as_maps() {
    let graph = around_tokens("places", 6, 2, 3, |b, x| {
        let x = b.push("class", Layer::Prepend(Prepend { width: 6, init: Init::Normal(1.0) }), &[x]);
        let seen = |skip, height, width| Layer::Places(Places { skip, height, width });
        for (name, layer) in [("patches", seen(1, 2, 3)), ("class token", seen(0, 1, 1)), ("all", seen(0, 7, 1))] {
            let y = b.push(name, layer, &[x]);
            b.stage(name, y);
        }
        b.linear("linear", x, Linear::new(6, 6))
    });
    everywhere(&graph, &[1, 4]);
}

/// Nothing between a map's becoming tokens and the layer.
#[test]
fn linear_layers_of_what_was_a_map() {
    let graph = around_tokens("tokens", 5, 2, 3, |b, x| b.linear("linear", x, Linear::new(5, 15)));
    everywhere(&graph, &[1, 3]);
}
