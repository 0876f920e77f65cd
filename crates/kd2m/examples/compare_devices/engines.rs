//! The same network on two devices: evaluation, training with gradients by all outputs, a step, evaluation again.

use burn::tensor::{Device, Tensor, TensorData};
use kd2m::{
    Outputs,
    batch::host,
    device::DeviceChoice,
    engine::{
        Engine, EngineError, Images, Mode, OutputGradients, Rule, Then, Update, burn::BurnEngine, cpu::CpuEngine,
    },
};
use kd2m_nn::{Graph, Weights, init};

use crate::row::Row;

/// Values in ±1 that look random and are the same everywhere.
pub fn noise(count: usize, salt: u64) -> Vec<f32> {
    init::uniform(salt, "noise", count, 1.0)
}

/// Compares a graph with these weights on `n` images over `rounds` steps.
pub fn compare(choice: DeviceChoice, graph: &Graph, weights: &Weights, n: usize, rounds: usize) -> Row {
    let mut row = Row::default();
    if let Err(why) = run(choice, graph, weights, n, rounds, &mut row) {
        row.fail(why.to_string());
    }
    row
}

fn run(
    choice: DeviceChoice,
    graph: &Graph,
    weights: &Weights,
    n: usize,
    rounds: usize,
    row: &mut Row,
) -> Result<(), Box<dyn std::error::Error>> {
    let stages: Vec<String> = graph.stages().iter().map(|(name, _)| name.clone()).collect();
    let mut tested: Box<dyn Engine> = match choice {
        DeviceChoice::Cpu => Box::new(CpuEngine::new(graph, weights, &stages, true, 2)?),
        other => Box::new(BurnEngine::new(graph, weights, &stages, &other.burn()?)?),
    };
    let mut reference = BurnEngine::new(graph, weights, &stages, &Device::flex())?;
    let pixels: Vec<f32> = noise(n * graph.input_shape().len(), 1).iter().map(|x| 0.5 * x + 0.5).collect();
    let images = Images { pixels: &pixels, n };
    let update =
        Update { lr: 0.01, weight_decay: 5e-4, gradient_scale: 0.5, rule: Rule::Sgd { momentum: 0.9, nesterov: true } };
    let both = |mode, row: &mut Row, tested: &mut dyn Engine, reference: &mut dyn Engine| {
        let (found, expected) = (tested.forward(images, mode)?, reference.forward(images, mode)?);
        outputs(row, mode, &found, &expected)?;
        Ok::<Outputs, EngineError>(expected)
    };
    both(Mode::Evaluate, row, tested.as_mut(), &mut reference)?;
    for _ in 0..rounds {
        let shapes = both(Mode::Train, row, tested.as_mut(), &mut reference)?;
        tested.backward(&gradients(&shapes, &tested.device()), Then::Accumulate)?;
        reference.backward(&gradients(&shapes, &reference.device()), Then::Accumulate)?;
        row.gradients(&tested.gradients()?, &reference.gradients()?);
        tested.step(&update)?;
        reference.step(&update)?;
        row.state(&tested.network_state()?, &reference.network_state()?);
    }
    // After a single step a deep network's running statistics are so far from its batch's that evaluation explodes.
    if rounds > 1 {
        both(Mode::Evaluate, row, tested.as_mut(), &mut reference)?;
    }
    Ok(())
}

fn outputs(row: &mut Row, mode: Mode, found: &Outputs, expected: &Outputs) -> Result<(), EngineError> {
    let mode = if mode == Mode::Train { "training" } else { "evaluation" };
    row.output(&format!("features, {mode}"), &host(&found.features)?, &host(&expected.features)?);
    row.output(&format!("logits, {mode}"), &host(&found.logits)?, &host(&expected.logits)?);
    for ((name, a), (_, b)) in found.maps.iter().zip(&expected.maps) {
        row.output(&format!("{name}, {mode}"), &host(a)?, &host(b)?);
    }
    Ok(())
}

/// A gradient to every output, the same values on any device.
fn gradients(outputs: &Outputs, device: &Device) -> OutputGradients {
    fn like<const D: usize>(tensor: &Tensor<D>, salt: u64, scale: f32, device: &Device) -> Tensor<D> {
        let dims = tensor.dims();
        let values: Vec<f32> = noise(dims.iter().product(), salt).iter().map(|x| scale * x).collect();
        Tensor::from_data(TensorData::new(values, dims), device)
    }
    OutputGradients {
        features: Some(like(&outputs.features, 2, 1.0, device)),
        logits: Some(like(&outputs.logits, 3, 1.0, device)),
        maps: outputs.maps.iter().map(|(name, map)| (name.clone(), like(map, 4, 0.1, device))).collect(),
    }
}
