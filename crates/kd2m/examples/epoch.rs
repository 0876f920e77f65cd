//! One epoch of plain training on CIFAR-10 by one of our engines, for `scripts/peers/accuracy.py`, which does the same in PyTorch.
//!
//! `epoch MODEL FOLDER DATA_ROOT {winograd|direct|burn} LR`: FOLDER holds `weights.safetensors` to start from and `order.txt`, the
//! training samples in the order in which they are read. Batches of 128, SGD with momentum 0.9 and weight decay 5e-4, cross-entropy,
//! a learning rate that falls linearly to nothing.
//! Prints accuracy and loss on the test images and what share of the time was spent waiting for batches.

use std::{path::Path, sync::Arc, time::Instant};

use burn::tensor::{Device, Tensor, TensorData};
use kd2m::{
    batch::host,
    engine::{Engine, Images, Mode, OutputGradients, Rule, Then, Update, burn::BurnEngine, cpu::CpuEngine},
};
use kd2m_cpu::Options;
use kd2m_data::{Augment, Loader, Part};
use kd2m_nn::{Graph, Weights, weights, zoo};

const BATCH: usize = 128;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, folder, root, engine, lr] = arguments.as_slice() else {
        return Err("usage: epoch MODEL FOLDER DATA_ROOT {winograd|direct|burn} LR".into());
    };
    let folder = Path::new(folder);
    let data = Arc::new(kd2m_data::load("cifar10", Some(Path::new(root)))?);
    let mut options = zoo::ZooOptions::new(10, 3, 32, 32);
    (options.mean, options.std) = (vec![0.5; 3], vec![0.25; 3]);
    let graph = zoo::build(model, &options)?;
    let initial = weights::read(&folder.join("weights.safetensors"), &graph)?;
    let order = std::fs::read_to_string(folder.join("order.txt"))?;
    let order = order.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    let mut network = build(engine, &graph, &initial)?;
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    let lr: f64 = lr.parse()?;
    let steps = order.len().div_ceil(BATCH);

    let (start, mut waited) = (Instant::now(), 0.0);
    let mut loader = Loader::training(&data, order, BATCH, &Augment::none(), 0, 0)?;
    for step in 0.. {
        let asked = Instant::now();
        let Some(batch) = loader.next().transpose()? else { break };
        waited += asked.elapsed().as_secs_f64();
        let n = batch.len();
        let outputs = network.forward(Images { pixels: &batch.images, n }, Mode::Train)?;
        let (_, _, gradient) = cross_entropy(&host(&outputs.logits)?, &batch.labels);
        let logits = Tensor::from_data(TensorData::new(gradient, outputs.logits.dims()), &Device::flex());
        let lr = lr * (1.0 - step as f64 / steps as f64);
        let update = Update { lr, weight_decay: 5e-4, gradient_scale: 1.0, rule };
        network.backward(&OutputGradients { logits: Some(logits), ..Default::default() }, Then::Step(update))?;
        loader.recycle(batch);
    }
    let seconds = start.elapsed().as_secs_f64();

    let indices: Vec<u32> = (0..data.test.len() as u32).collect();
    let (mut loss, mut right) = (0.0, 0);
    let mut loader = Loader::evaluation(&data, Part::Test, &indices, BATCH)?;
    while let Some(batch) = loader.next().transpose()? {
        let outputs = network.forward(Images { pixels: &batch.images, n: batch.len() }, Mode::Evaluate)?;
        let (batch_loss, batch_right, _) = cross_entropy(&host(&outputs.logits)?, &batch.labels);
        loss += batch_loss;
        right += batch_right;
        loader.recycle(batch);
    }
    let count = data.test.len() as f64;
    let accuracy = 100.0 * right as f64 / count;
    println!("accuracy {accuracy:.2} loss {:.4} seconds {seconds:.1} waiting {:.4}", loss / count, waited / seconds);
    Ok(())
}

fn build(engine: &str, graph: &Graph, initial: &Weights) -> Result<Box<dyn Engine>, Box<dyn std::error::Error>> {
    let cpu = |winograd| CpuEngine::with_options(graph, initial, Options { winograd, ..Options::default() });
    Ok(match engine {
        "winograd" => Box::new(cpu(true)?),
        "direct" => Box::new(cpu(false)?),
        "burn" => Box::new(BurnEngine::new(graph, initial, &[], &Device::flex())?),
        other => return Err(format!("no engine is called {other:?}: winograd, direct or burn").into()),
    })
}

/// Summed cross-entropy, how many are right, and the gradient of the mean to the logits.
fn cross_entropy(logits: &[f32], labels: &[u32]) -> (f64, usize, Vec<f32>) {
    let (n, classes) = (labels.len(), logits.len() / labels.len());
    let (mut loss, mut right, mut gradient) = (0.0, 0, vec![0.0; logits.len()]);
    for ((row, to), label) in logits.chunks(classes).zip(gradient.chunks_mut(classes)).zip(labels) {
        let label = *label as usize;
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        let sum: f32 = row.iter().map(|v| (v - most).exp()).sum();
        loss += f64::from(sum.ln() + most - row[label]);
        right += usize::from(row[label] >= most);
        for (class, (g, v)) in to.iter_mut().zip(row).enumerate() {
            *g = ((v - most).exp() / sum - f32::from(u8::from(class == label))) / n as f32;
        }
    }
    (loss, right, gradient)
}
