//! Milliseconds of every criterion with its gradient on random outputs the size of a CIFAR student's: batch 128, 512
//! features, 10 classes, maps of 128 × 16 × 16, 256 × 8 × 8 and 512 × 4 × 4 for both networks.
//!
//! cargo run --release -p kd2m --example criterion_cost [-- NAME…]

use std::{sync::Arc, time::Instant};

use burn::tensor::{Device, Distribution, Tensor};
use kd2m::{
    Batch, Outputs,
    criterion::{CriterionConfig, NetworkShapes, Shapes, registry},
    objective::scalar,
};
use kd2m_nn::CLASS_MAP;

const BATCH: usize = 128;
const CLASSES: usize = 10;
const REPEATS: usize = 5;
const MAPS: [(&str, [usize; 3]); 4] =
    [("layer2", [128, 16, 16]), ("layer3", [256, 8, 8]), ("layer4", [512, 4, 4]), (CLASS_MAP, [CLASSES, 4, 4])];

fn outputs(device: &Device) -> Outputs {
    // As after a ReLU.
    let map = |(name, [c, h, w]): (&str, [usize; 3])| {
        (Arc::from(name), Tensor::random([BATCH, c, h, w], Distribution::Normal(0.0, 1.0), device).clamp_min(0.0))
    };
    Outputs {
        features: Tensor::random([BATCH, 512], Distribution::Normal(0.0, 1.0), device).clamp_min(0.0),
        logits: Tensor::random([BATCH, CLASSES], Distribution::Normal(0.0, 2.0), device),
        maps: MAPS.into_iter().map(map).collect(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    device.seed(1);
    let network = NetworkShapes { features: 512, maps: MAPS.map(|(name, shape)| (name.to_owned(), shape)).to_vec() };
    let shapes = Shapes { student: network.clone(), teacher: network, classes: CLASSES, train: (0..50_000).collect() };
    let (student, teacher) = (outputs(&device), outputs(&device));
    let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % CLASSES as u32).collect();
    let indices: Vec<u32> = (0..BATCH as u32).collect();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let names = registry::cards().into_iter().map(|card| card.name);
    println!("{:24} {:>12} {:>12}", "criterion", "forward ms", "with gradient");
    for name in names.filter(|name| asked.is_empty() || asked.contains(name)) {
        let config = CriterionConfig::new(&name);
        let mut criterion = registry::check(&config)?.init(&shapes, &device, 1)?;
        let mut times = Vec::new();
        for step in 0..REPEATS {
            let student = student.leaves();
            let batch = Batch::new(&student, &teacher).labels(&labels).indices(&indices).step(step);
            let started = Instant::now();
            let term = criterion.evaluate(&batch)?;
            scalar(&term.loss)?;
            let forward = started.elapsed().as_secs_f64();
            term.loss.backward();
            times.push((started.elapsed().as_secs_f64(), forward));
        }
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (whole, forward) = times[REPEATS / 2];
        println!("{name:24} {:12.1} {:12.1}", forward * 1e3, whole * 1e3);
    }
    Ok(())
}
