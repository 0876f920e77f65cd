//! Every layer in f64 by its definition, `[n, c, h, w]`, no tricks: what the engine is compared with.

use std::collections::BTreeMap;

use kd2m_nn::{Conv, Graph, Layer, NodeId, Pool, Prelu, Shape, Weights, step::Draws};

/// Tensors in f64 by key.
pub type Tensors = BTreeMap<String, Vec<f64>>;

pub fn to_f64(weights: &Weights) -> Tensors {
    weights.iter().map(|(k, t)| (k.clone(), t.values.iter().map(|v| f64::from(*v)).collect())).collect()
}

/// Deterministic numbers in −1…1.
pub fn noise(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

fn dims(shape: Shape) -> (usize, usize, usize) {
    match shape {
        Shape::Map { channels, height, width } => (channels, height, width),
        Shape::Vector(d) => (d, 1, 1),
        // Kept as the map that they were: places are tokens.
        Shape::Tokens { tokens, width } => (width, tokens, 1),
    }
}

/// The value of every node, and with `train` the new running statistics.
pub fn run(graph: &Graph, tensors: &Tensors, images: &[f64], n: usize, train: bool) -> (Vec<Vec<f64>>, Tensors) {
    let mut values: Vec<Vec<f64>> = Vec::new();
    let mut running = Tensors::new();
    for node in graph.nodes() {
        let input = |i: usize| (&values[node.inputs[i].0], dims(graph.node(node.inputs[i]).shape));
        let tensor = |suffix: &str| tensors.get(&format!("{}.{suffix}", node.name));
        let own = || &tensors[&node.name];
        let (c, h, w) = dims(node.shape);
        let value = match &node.layer {
            Layer::Input => images.to_vec(),
            Layer::Normalise { mean, std } => {
                by_channel(input(0).0, c, h * w, |x, ch| (x - f64::from(mean[ch])) / f64::from(std[ch]))
            }
            Layer::Conv(conv) => convolution(conv, input(0), (h, w), n, tensor("weight").unwrap(), tensor("bias")),
            Layer::Linear(l) => {
                let conv = Conv::square(l.inputs, l.outputs, 1);
                convolution(&conv, input(0), (h, w), n, tensor("weight").unwrap(), tensor("bias"))
            }
            Layer::BatchNorm(norm) => {
                let x = input(0).0;
                let (gamma, beta) = (tensor("weight").unwrap(), tensor("bias").unwrap());
                let (mut mean, mut var) =
                    (tensor("running_mean").unwrap().clone(), tensor("running_var").unwrap().clone());
                if train {
                    let count = (n * h * w) as f64;
                    for ch in 0..c {
                        let of = |i: usize| x[(i / (h * w) * c + ch) * h * w + i % (h * w)];
                        let m = (0..n * h * w).map(of).sum::<f64>() / count;
                        let v = (0..n * h * w).map(|i| (of(i) - m).powi(2)).sum::<f64>() / count;
                        let momentum = f64::from(norm.momentum);
                        let moved = |old: f64, new: f64| old + momentum * (new - old);
                        let (old_mean, old_var) = (mean[ch], var[ch]);
                        running.entry(format!("{}.running_mean", node.name)).or_default().push(moved(old_mean, m));
                        let unbiased = v * count / (count - 1.0);
                        running.entry(format!("{}.running_var", node.name)).or_default().push(moved(old_var, unbiased));
                        (mean[ch], var[ch]) = (m, v);
                    }
                }
                let eps = f64::from(norm.eps);
                by_channel(x, c, h * w, |x, ch| (x - mean[ch]) / (var[ch] + eps).sqrt() * gamma[ch] + beta[ch])
            }
            Layer::Relu => input(0).0.iter().map(|x| x.max(0.0)).collect(),
            Layer::Relu6 => input(0).0.iter().map(|x| x.clamp(0.0, 6.0)).collect(),
            Layer::Clip { min, max } => input(0).0.iter().map(|x| x.clamp(f64::from(*min), f64::from(*max))).collect(),
            Layer::Add => input(0).0.iter().zip(input(1).0).map(|(a, b)| a + b).collect(),
            Layer::Concat => {
                let mut out = Vec::new();
                for i in 0..n {
                    for id in &node.inputs {
                        let each = graph.node(*id).shape.len();
                        out.extend_from_slice(&values[id.0][i * each..(i + 1) * each]);
                    }
                }
                out
            }
            Layer::Slice { start, len } => {
                let (x, (from, _, _)) = input(0);
                (0..n).flat_map(|i| x[(i * from + start) * h * w..][..len * h * w].to_vec()).collect()
            }
            Layer::MaxPool(p) => pool(p, input(0), (h, w), n, true),
            Layer::AvgPool(p) => pool(p, input(0), (h, w), n, false),
            Layer::GlobalAvgPool => {
                let (x, (_, ih, iw)) = input(0);
                x.chunks(ih * iw).map(|plane| plane.iter().sum::<f64>() / (ih * iw) as f64).collect()
            }
            Layer::Flatten | Layer::Tokens => input(0).0.clone(),
            Layer::Scale(_) => by_channel(input(0).0, c, h * w, |x, ch| x * own()[ch]),
            // Tokens are kept as places of maps: the numbers of one channel are neighbours.
            Layer::Prepend(_) => {
                let rows = input(0).0.chunks(h - 1).enumerate();
                rows.flat_map(|(i, row)| [&own()[i % c..i % c + 1], row].concat()).collect()
            }
            Layer::Position(_) => {
                input(0).0.iter().enumerate().map(|(i, x)| x + own()[i % h * c + i / h % c]).collect()
            }
            Layer::Token { at } => {
                let (x, (_, tokens, _)) = input(0);
                x.chunks(tokens).map(|row| row[*at]).collect()
            }
            Layer::Places(places) => {
                let (x, (_, tokens, _)) = input(0);
                x.chunks(tokens).flat_map(|row| row[places.skip..][..h * w].to_vec()).collect()
            }
            // By the draws of a network that was told nothing of them.
            Layer::Dropout(dropout) if train => {
                let x = input(0).0.iter().enumerate();
                let value = |(i, x): (usize, &f64)| {
                    let (sample, channel) = (i / (c * h * w), i / (h * w) % c);
                    let of = if dropout.whole { 0 } else { channel };
                    let dropped = Draws::default().unit(dropout.number, sample, of) < dropout.rate;
                    if dropped { 0.0 } else { x / (1.0 - dropout.rate) }
                };
                x.map(value).collect()
            }
            Layer::Dropout(_) => input(0).0.clone(),
            Layer::Attention(attention) => attend(input(0).0, attention.heads, (c, h)),
            Layer::LayerNorm(norm) => {
                let (x, places) = (input(0).0, h * w);
                let (gamma, beta) = (tensor("weight").unwrap(), tensor("bias").unwrap());
                let mut y = x.clone();
                for row in 0..n * places {
                    let at = |ch: usize| (row / places * c + ch) * places + row % places;
                    let mean = (0..c).map(|ch| x[at(ch)]).sum::<f64>() / c as f64;
                    let variance = (0..c).map(|ch| (x[at(ch)] - mean).powi(2)).sum::<f64>() / c as f64;
                    let deviation = (variance + f64::from(norm.eps)).sqrt();
                    (0..c).for_each(|ch| y[at(ch)] = (x[at(ch)] - mean) / deviation * gamma[ch] + beta[ch]);
                }
                y
            }
            Layer::GroupNorm(norm) => {
                let each = c / norm.groups * h * w;
                let (gamma, beta) = (tensor("weight").unwrap(), tensor("bias").unwrap());
                let rows = input(0).0.chunks(each).flat_map(|row| {
                    let mean = row.iter().sum::<f64>() / each as f64;
                    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / each as f64;
                    let deviation = (variance + f64::from(norm.eps)).sqrt();
                    row.iter().map(move |x| (x - mean) / deviation)
                });
                by_channel(&rows.collect::<Vec<_>>(), c, h * w, |z, ch| z * gamma[ch] + beta[ch])
            }
            Layer::Gelu => input(0).0.iter().map(|x| x * 0.5 * (1.0 + erf(x / 2.0_f64.sqrt()))).collect(),
            Layer::GeluTanh => {
                let tanh = |x: &f64| ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh();
                input(0).0.iter().map(|x| 0.5 * x * (1.0 + tanh(x))).collect()
            }
            Layer::Prelu(prelu) => by_channel(input(0).0, c, h * w, |x, ch| match (prelu, x > 0.0) {
                (_, true) => x,
                (Prelu::Given(slope), _) => f64::from(*slope) * x,
                (Prelu::Learned(slopes), _) => tensor("weight").unwrap()[ch % slopes] * x,
            }),
            Layer::Silu => input(0).0.iter().map(|x| x / (1.0 + (-x).exp())).collect(),
            Layer::Sigmoid => input(0).0.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect(),
            Layer::HardSigmoid => input(0).0.iter().map(|x| (x / 6.0 + 0.5).clamp(0.0, 1.0)).collect(),
            Layer::HardSwish => input(0).0.iter().map(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)).collect(),
            Layer::Quantise(grid) => {
                let (step, zero) = (f64::from(grid.step), f64::from(grid.zero));
                let whole = |x: &f64| ((x / step).round_ties_even() + zero).clamp(-128.0, 127.0);
                input(0).0.iter().map(|x| (whole(x) - zero) * step).collect()
            }
            Layer::Mul => {
                let ((x, _), (y, (_, ih, iw))) = (input(0), input(1));
                let factor = |i: usize| if (ih, iw) == (1, 1) { y[i / (h * w)] } else { y[i] };
                x.iter().enumerate().map(|(i, x)| x * factor(i)).collect()
            }
            Layer::Pad { around: [top, left, ..] } => {
                let (x, (_, ih, iw)) = input(0);
                let at = |plane: &[f64], row: usize, column: usize| {
                    let (row, column) = (row.wrapping_sub(*top), column.wrapping_sub(*left));
                    if row < ih && column < iw { plane[row * iw + column] } else { 0.0 }
                };
                let planes = x.chunks(ih * iw);
                planes.flat_map(|plane| (0..h * w).map(|i| at(plane, i / w, i % w)).collect::<Vec<f64>>()).collect()
            }
            Layer::PadChannels { before, .. } => {
                let (x, (own, ..)) = input(0);
                let plane = |sample: usize, channel: usize| match channel.checked_sub(*before) {
                    Some(k) if k < own => x[(sample * own + k) * h * w..][..h * w].to_vec(),
                    _ => vec![0.0; h * w],
                };
                (0..n * c).flat_map(|i| plane(i / c, i % c)).collect()
            }
            Layer::ChannelShuffle { groups } => {
                let x = input(0).0;
                let each = c / groups;
                let plane = |i: usize, ch: usize| &x[(i * c + ch % groups * each + ch / groups) * h * w..][..h * w];
                (0..n * c).flat_map(|k| plane(k / c, k % c).to_vec()).collect()
            }
        };
        assert_eq!(value.len(), n * node.shape.len(), "{}", node.name);
        values.push(value);
    }
    (values, running)
}

/// 2/√π e^(−x²) Σ 2ᵏ x^(2k+1) / (2k+1)!!, whose terms are all of one sign.
fn erf(x: f64) -> f64 {
    // Its distance from 1 is below f64's last place, and the sum would need more terms.
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for k in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * k + 1);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

fn by_channel(x: &[f64], channels: usize, plane: usize, f: impl Fn(f64, usize) -> f64) -> Vec<f64> {
    x.iter().enumerate().map(|(i, x)| f(*x, i / plane % channels)).collect()
}

/// softmax(q kᵀ / √e) v, of places `[n, 3 c, t]`.
fn attend(x: &[f64], heads: usize, (c, t): (usize, usize)) -> Vec<f64> {
    let each = c / heads;
    let mut y = Vec::new();
    for sample in x.chunks(3 * c * t) {
        let part = |part: usize, channel: usize, token: usize| sample[(part * c + channel) * t + token];
        for channel in 0..c {
            let head = channel / each * each..(channel / each + 1) * each;
            for i in 0..t {
                let score = |j: usize| head.clone().map(|e| part(0, e, i) * part(1, e, j)).sum::<f64>();
                let shares: Vec<f64> = (0..t).map(|j| (score(j) / (each as f64).sqrt()).exp()).collect();
                let mixed = shares.iter().enumerate().map(|(j, share)| share * part(2, channel, j)).sum::<f64>();
                y.push(mixed / shares.iter().sum::<f64>());
            }
        }
    }
    y
}

fn convolution(
    conv: &Conv,
    (x, (c, ih, iw)): (&Vec<f64>, (usize, usize, usize)),
    (h, w): (usize, usize),
    n: usize,
    weight: &[f64],
    bias: Option<&Vec<f64>>,
) -> Vec<f64> {
    let [kh, kw] = conv.kernel;
    let (outs, ins) = (conv.out_channels, conv.in_channels / conv.groups);
    let mut y = Vec::with_capacity(n * outs * h * w);
    for i in 0..n {
        for o in 0..outs {
            let first = o / (outs / conv.groups) * ins;
            for oy in 0..h {
                for ox in 0..w {
                    let mut sum = bias.map_or(0.0, |b| b[o]);
                    for k in 0..ins {
                        for ky in 0..kh {
                            for kx in 0..kw {
                                let y = (oy * conv.stride[0] + ky * conv.dilation[0]).wrapping_sub(conv.padding[0]);
                                let x_at = (ox * conv.stride[1] + kx * conv.dilation[1]).wrapping_sub(conv.padding[1]);
                                if y < ih && x_at < iw {
                                    sum += weight[((o * ins + k) * kh + ky) * kw + kx]
                                        * x[((i * c + first + k) * ih + y) * iw + x_at];
                                }
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
    }
    y
}

fn pool(
    p: &Pool,
    (x, (c, ih, iw)): (&Vec<f64>, (usize, usize, usize)),
    (h, w): (usize, usize),
    n: usize,
    max: bool,
) -> Vec<f64> {
    let mut out = Vec::with_capacity(n * c * h * w);
    for plane in x.chunks(ih * iw).take(n * c) {
        for oy in 0..h {
            for ox in 0..w {
                let (mut seen, mut padding) = (Vec::new(), 0);
                for ky in 0..p.kernel[0] {
                    for kx in 0..p.kernel[1] {
                        let y = (oy * p.stride[0] + ky).wrapping_sub(p.padding[0]);
                        let x = (ox * p.stride[1] + kx).wrapping_sub(p.padding[1]);
                        if y < ih && x < iw {
                            seen.push(plane[y * iw + x]);
                        } else if oy * p.stride[0] + ky < ih + 2 * p.padding[0]
                            && ox * p.stride[1] + kx < iw + 2 * p.padding[1]
                        {
                            padding += 1;
                        }
                    }
                }
                out.push(if max {
                    seen.iter().copied().fold(f64::NEG_INFINITY, f64::max)
                } else {
                    seen.iter().sum::<f64>() / (seen.len() + if p.live_only { 0 } else { padding }) as f64
                });
            }
        }
    }
    out
}

/// ‖a − b‖ / ‖b‖, or ‖a‖ where b is zero.
pub fn difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    let apart = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - b));
    let size = norm(&mut b.iter().copied());
    if size > 0.0 { apart / size } else { apart }
}

/// A linear loss over the outputs, with random coefficients: its gradients are the coefficients.
pub struct Loss {
    pub features: Vec<f32>,
    pub logits: Vec<f32>,
    pub maps: Vec<(String, NodeId, Vec<f32>)>,
}

impl Loss {
    pub fn new(graph: &Graph, stages: &[String], n: usize, seed: u64) -> Self {
        let maps = stages.iter().enumerate().map(|(i, name)| {
            let node = graph.stage(name).unwrap();
            (name.clone(), node, noise(n * graph.node(node).shape.len(), seed + 10 + i as u64))
        });
        Self {
            features: noise(n * graph.feature_width(), seed + 1),
            logits: noise(n * graph.classes(), seed + 2),
            maps: maps.collect(),
        }
    }

    pub fn value(&self, graph: &Graph, values: &[Vec<f64>]) -> f64 {
        let dot = |c: &[f32], id: NodeId| c.iter().zip(&values[id.0]).map(|(c, v)| f64::from(*c) * v).sum::<f64>();
        let maps = self.maps.iter().map(|(_, node, c)| dot(c, *node)).sum::<f64>();
        dot(&self.features, graph.features()) + dot(&self.logits, graph.logits()) + maps
    }
}
