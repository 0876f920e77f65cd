//! Times the distillation step of two networks on random images: frozen teacher forward, student forward and backward with SGD.
//!
//! `step TEACHER STUDENT {imagenet|cifar} SIZE BATCH STEPS [THREADS]` prints images a second, where the time goes, and how many the
//! processor could do if its multiply–adds were all that took time. SIZE is `32`, or `1x28` for one channel; STUDENT `-`: the teacher alone.

mod peak;

use std::time::Instant;

use kd2m_cpu::{Mode, Network, Options, Then, Update};
use kd2m_nn::{Graph, init::initialise, zoo};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [teacher, student, stem, size, batch, steps, rest @ ..] = &arguments[..] else {
        return Err("usage: step TEACHER STUDENT {imagenet|cifar} SIZE BATCH STEPS [THREADS]".into());
    };
    let (channels, size) = size.split_once('x').unwrap_or(("3", size));
    let (channels, size): (usize, usize) = (channels.parse()?, size.parse()?);
    let (n, steps): (usize, usize) = (batch.parse()?, steps.parse()?);
    let threads = rest.first().map_or(Ok(0), |t| t.parse())?;
    let stem = if stem == "cifar" { zoo::Stem::Cifar } else { zoo::Stem::Imagenet };
    let options = zoo::ZooOptions::new(10, channels, size, size).stem(stem);
    let teacher = zoo::build(teacher, &options)?;
    let network = |graph: &Graph, trainable: bool, seed: u64| {
        Network::new(graph, &initialise(graph, seed), Options { threads, trainable, ..Options::default() })
    };
    let mut t = network(&teacher, false, 1)?;
    let images = noise(n * channels * size * size, 5);
    if student == "-" {
        return infer(&mut t, &images, n, steps);
    }
    let student = zoo::build(student, &options)?;
    let mut s = network(&student, true, 2)?;
    let update = Update::sgd(0.01, 0.9);
    let (mut rates, mut parts) = (Vec::new(), [0.0; 4]);
    let mut distance = (0.0, 0.0);
    for step in 0..steps + 2 {
        let start = Instant::now();
        t.forward(&images, n, Mode::Evaluate)?;
        let taught = start.elapsed();
        s.forward(&images, n, Mode::Train)?;
        let forward = start.elapsed();
        let (features, logits, loss) = loss(t.features(), s.features(), s.logits(), n);
        let judged = start.elapsed();
        s.backward(Some(&features), Some(&logits), &[], Then::Step(update))?;
        let end = start.elapsed();
        if step == 0 {
            distance.0 = loss;
        }
        distance.1 = loss;
        if step < 2 {
            s.reset_profile();
            t.reset_profile();
            continue;
        }
        rates.push(n as f64 / end.as_secs_f64());
        for (part, time) in parts.iter_mut().zip([taught, forward - taught, judged - forward, end - judged]) {
            *part += time.as_secs_f64() / steps as f64 * 1e3;
        }
    }
    rates.sort_by(f64::total_cmp);
    println!(
        "{} → {} {size}×{size} batch {n} {}: median {:.1} images/s, best {:.1}",
        teacher.name,
        student.name,
        s.isa(),
        rates[steps / 2],
        rates[steps - 1]
    );
    let [teach, forward, criterion, backward] = parts;
    println!("ms: teacher {teach:.2}, student forward {forward:.2}, criterion {criterion:.2}, backward {backward:.2}");
    println!("loss {:.4} → {:.4}; memory {} MB", distance.0, distance.1, (t.bytes() + s.bytes()) >> 20);
    // Forward, to the inputs, to the weights; nothing asks for the gradient to the images.
    let first = s.kernels(n).first().map_or(0, |k| k.products);
    limit(&t, products(&t, n) + 3 * products(&s, n) - first);
    for (who, network) in [("teacher", &t), ("student", &s)] {
        let mut profile: Vec<_> = network.profile().into_iter().collect();
        profile.sort_by(|a, b| b.1.total_cmp(&a.1));
        let parts: Vec<String> =
            profile.iter().map(|(part, seconds)| format!("{part} {:.2}", seconds / steps as f64 * 1e3)).collect();
        println!("{who}, ms: {}", parts.join(", "));
    }
    Ok(())
}

/// The teacher alone.
fn infer(t: &mut Network, images: &[f32], n: usize, steps: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut rates = Vec::new();
    for step in 0..steps + 2 {
        let start = Instant::now();
        t.forward(images, n, Mode::Evaluate)?;
        if step >= 2 {
            rates.push(n as f64 / start.elapsed().as_secs_f64());
        }
    }
    rates.sort_by(f64::total_cmp);
    let (name, isa) = (&t.graph().name, t.isa());
    println!("{name} batch {n} {isa}: median {:.1} images/s, best {:.1}", rates[steps / 2], rates[steps - 1]);
    println!("memory {} MB", t.bytes() >> 20);
    limit(t, products(t, n));
    Ok(())
}

/// Multiply–adds of a forward pass for one image.
fn products(network: &Network, n: usize) -> u64 {
    network.kernels(n).iter().map(|k| k.products).sum()
}

/// What the processor could do if nothing but so many multiply–adds an image took time.
fn limit(network: &Network, products: u64) {
    let peak = peak::peak(network.isa(), network.threads());
    let most = peak / products as f64;
    println!(
        "limit {most:.1} images/s: {:.1} million multiply–adds an image at {:.0} GFLOP/s",
        products as f64 / 1e6,
        2e-9 * peak
    );
}

/// Mean squared distance of the features (where widths are equal) and cross-entropy of made-up labels, with gradients.
fn loss(teacher: &[f32], features: &[f32], logits: &[f32], n: usize) -> (Vec<f32>, Vec<f32>, f32) {
    let teacher = if teacher.len() == features.len() { teacher } else { features };
    let share = 1.0 / features.len() as f32;
    let mut loss = 0.0;
    let gradient = features.iter().zip(teacher).map(|(f, t)| {
        loss += (f - t) * (f - t) * share;
        2.0 * (f - t) * share
    });
    let gradient = gradient.collect();
    let classes = logits.len() / n;
    let mut logit_gradient = vec![0.0; logits.len()];
    for (i, (row, to)) in logits.chunks(classes).zip(logit_gradient.chunks_mut(classes)).enumerate() {
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        let sum: f32 = row.iter().map(|v| (v - most).exp()).sum();
        loss += (sum.ln() + most - row[i % classes]) / n as f32;
        for (c, (g, v)) in to.iter_mut().zip(row).enumerate() {
            *g = ((v - most).exp() / sum - f32::from(u8::from(c == i % classes))) / n as f32;
        }
    }
    (gradient, logit_gradient, loss)
}

/// Deterministic numbers in 0…1.
fn noise(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1u32 << 24) as f32
    };
    (0..length).map(|_| next()).collect()
}
