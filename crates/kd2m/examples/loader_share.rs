//! What loading a folder of images costs a training step, for `scripts/compare-peers data --step`.
//!
//! `loader_share FOLDER SIZE MODEL BATCH STEPS ROUNDS`: FOLDER holds `train/CLASS/` and `test/CLASS/`. Trains MODEL (as `resnet18`) at SIZE on random
//! parts of the pictures, mirrored or not, cross entropy alone, with SGD. In turn STEPS steps on batches that are loaded meanwhile, and as many on one
//! batch that is there; every loader makes just the batches of its turn. Prints the median step of both, what loading adds to a step and what share
//! of a step waits for a batch, in percent of the step with loading.

use std::{sync::Arc, time::Instant};

use burn::tensor::{Tensor, TensorData, activation::softmax};
use kd2m::engine::{Engine, Images, Mode, OutputGradients, Rule, Then, Update, cpu::CpuEngine};
use kd2m_cpu::Options;
use kd2m_data::{Batch, Loader, Reading, epoch_order, load_with};
use kd2m_nn::{init, zoo};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, size, model, batch, steps, rounds] = arguments.as_slice() else {
        return Err("usage: loader_share FOLDER SIZE MODEL BATCH STEPS ROUNDS".into());
    };
    let (side, batch, steps, rounds): (usize, usize, usize, usize) =
        (size.parse()?, batch.parse()?, steps.parse()?, rounds.parse()?);
    let augment = "resized-crop:0.08+flip".parse()?;
    let reading = Reading { memory: 0, cuts: true, ..Reading::default() };
    let data = Arc::new(load_with(&format!("folder:{folder}@crop{size}"), None, &reading)?);
    let mut options = zoo::ZooOptions::new(data.classes, data.channels, side, side);
    (options.mean, options.std) = (data.mean.clone(), data.std.clone());
    let graph = zoo::build(model, &options)?;
    let mut network = CpuEngine::with_options(&graph, &init::initialise(&graph, 1), Options::default())?;

    let all: Vec<u32> = (0..data.train.len() as u32).collect();
    let epoch = |round: usize| {
        // As many as a turn needs, however few there are.
        let order = (0..).flat_map(|more| epoch_order(&all, round as u64, more)).take(steps * batch).collect();
        Loader::training(&data, order, batch, &augment, round as u64, round)
    };
    let held = epoch(0)?.next().ok_or("no batch")??;
    // Buffers are taken and the processor comes to its pace.
    step(&mut network, &held, data.classes)?;
    let (mut loaded, mut without, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let (began, mut waited) = (Instant::now(), 0.0);
        let mut loader = epoch(round)?;
        loop {
            let asked = Instant::now();
            let Some(batch) = loader.next().transpose()? else { break };
            waited += asked.elapsed().as_secs_f64();
            step(&mut network, &batch, data.classes)?;
            loader.recycle(batch);
        }
        let seconds = began.elapsed().as_secs_f64();
        loaded.push(1e3 * seconds / steps as f64);
        waiting.push(100.0 * waited / seconds);
        let began = Instant::now();
        for _ in 0..steps {
            step(&mut network, &held, data.classes)?;
        }
        without.push(1e3 * began.elapsed().as_secs_f64() / steps as f64);
    }
    let [loaded, without, waiting] = [loaded, without, waiting].map(median);
    println!("step {loaded:.1} ms, without loading {without:.1} ms");
    println!("loading {:.2} % of a step, waiting {waiting:.2} %", 100.0 * (loaded - without) / loaded);
    Ok(())
}

/// Forward, cross entropy, backward, update.
fn step(network: &mut CpuEngine, batch: &Batch, classes: usize) -> Result<(), Failed> {
    let n = batch.len();
    let outputs = network.forward(Images { pixels: &batch.images, n }, Mode::Train)?;
    let mut right = vec![0.0_f32; n * classes];
    batch.labels.iter().enumerate().for_each(|(i, label)| right[i * classes + *label as usize] = 1.0);
    let right = TensorData::new(right, [n, classes]);
    let right = Tensor::<2>::from_data(right, &network.device());
    let logits = (softmax(outputs.logits, 1) - right) / n as f32;
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    let update = Update { lr: 0.001, weight_decay: 5e-4, gradient_scale: 1.0, rule };
    network.backward(&OutputGradients { logits: Some(logits), ..Default::default() }, Then::Step(update))?;
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
