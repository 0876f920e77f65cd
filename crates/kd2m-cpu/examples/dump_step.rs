//! Writes one distillation step of this engine for `scripts/check_step.py`, which repeats it with PyTorch in f64.
//!
//! `dump_step TEACHER STUDENT {imagenet|cifar} SIZE BATCH FOLDER [SEED [margin]]`: weights, batch, outputs and gradients as safetensors.
//! With `margin` the student's batch norms move every unit far from its ReLU's kink, so that rounding switches none on or off.
//! The loss is cross-entropy plus the mean squared distance of the features.

use std::path::Path;

use kd2m_cpu::{Mode, Network, Options, Then};
use kd2m_nn::{NamedTensor, Weights, init::initialise, weights, zoo};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [teacher, student, stem, size, batch, folder, rest @ ..] = &arguments[..] else {
        return Err("usage: dump_step TEACHER STUDENT {imagenet|cifar} SIZE BATCH FOLDER [SEED [margin]]".into());
    };
    let (size, n): (usize, usize) = (size.parse()?, batch.parse()?);
    let seed: u64 = rest.first().map_or(Ok(1), |s| s.parse())?;
    let stem = if stem == "cifar" { zoo::Stem::Cifar } else { zoo::Stem::Imagenet };
    let options = zoo::ZooOptions::new(10, 3, size, size).stem(stem);
    let (teacher, student) = (zoo::build(teacher, &options)?, zoo::build(student, &options)?);
    let (teacher_weights, mut student_weights) = (initialise(&teacher, seed), initialise(&student, seed + 1));
    if rest.get(1).is_some_and(|word| word == "margin") {
        set_margin(&mut student_weights);
    }
    let mut t = Network::new(&teacher, &teacher_weights, Options { trainable: false, ..Options::default() })?;
    let mut s = Network::new(&student, &student_weights, Options::default())?;
    let images = noise(n * 3 * size * size, seed);
    t.forward(&images, n, Mode::Evaluate)?;
    s.forward(&images, n, Mode::Train)?;
    let labels: Vec<usize> = (0..n).map(|i| i * 7 % 10).collect();
    let count = s.features().len() as f32;
    let features: Vec<f32> = s.features().iter().zip(t.features()).map(|(a, b)| 2.0 * (a - b) / count).collect();
    let mut logits = vec![0.0; s.logits().len()];
    for (i, (to, row)) in logits.chunks_mut(10).zip(s.logits().chunks(10)).enumerate() {
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        let sum: f32 = row.iter().map(|v| (v - most).exp()).sum();
        for (c, (to, v)) in to.iter_mut().zip(row).enumerate() {
            *to = ((v - most).exp() / sum - f32::from(u8::from(c == labels[i]))) / n as f32;
        }
    }
    s.backward(Some(&features), Some(&logits), &[], Then::Accumulate)?;

    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    let tensor = |shape: &[usize], values: &[f32]| NamedTensor { shape: shape.to_vec(), values: values.to_vec() };
    let d = s.features().len() / n;
    let batch = Weights::from([
        ("images".to_owned(), tensor(&[n, 3, size, size], &images)),
        ("labels".to_owned(), tensor(&[n], &labels.iter().map(|l| *l as f32).collect::<Vec<_>>())),
        ("teacher_features".to_owned(), tensor(&[n, d], t.features())),
        ("features".to_owned(), tensor(&[n, d], s.features())),
        ("logits".to_owned(), tensor(&[n, 10], s.logits())),
    ]);
    weights::write(&folder.join("teacher.safetensors"), &teacher_weights, None)?;
    weights::write(&folder.join("student.safetensors"), &student_weights, None)?;
    weights::write(&folder.join("gradients.safetensors"), &s.gradients(), None)?;
    weights::write(&folder.join("batch.safetensors"), &batch, None)?;
    println!("{} → {}, batch {n}, {}: written to {}", teacher.name, student.name, s.isa(), folder.display());
    Ok(())
}

/// Shifts of batch norms six deviations to one side: three channels of four are on and one is off, the same in all layers, so that
/// sums of branches keep their side.
fn set_margin(weights: &mut Weights) {
    for (key, tensor) in weights {
        if key.ends_with("bias") && (key.contains("bn") || key.contains("downsample.1")) {
            tensor.values.iter_mut().enumerate().for_each(|(i, v)| *v = if i % 4 == 3 { -6.0 } else { 6.0 });
        }
    }
}

/// Deterministic numbers in 0…1.
fn noise(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..length).map(|_| next()).collect()
}
