//! Every criterion of the registry between outputs of equal widths and, where it can, of other widths and map sizes: value, gradients to
//! the student's outputs and to learned parts, after a first step that fills memories and moves what is learned.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use kd2m::{
    Batch, Criterion, Outputs,
    batch::host,
    criterion::{CriterionConfig, CriterionError, NetworkShapes, Shapes, registry},
    device::DeviceChoice,
    engine::{Rule, Update},
    objective::scalar,
};
use kd2m_nn::CLASS_MAP;

use crate::{
    Case,
    engines::noise,
    row::{Row, Tolerance},
};

/// Sums over a batch in another order; couplings are computed on the host from features that agree.
pub const TOLERANCE: Tolerance = Tolerance { outputs: 1e-5, gradients: 1e-4 };

const BATCH: usize = 24;
const CLASSES: usize = 6;
const SAMPLES: usize = 64;

type Stages = [(&'static str, [usize; 3]); 4];
const FEATURES: usize = 12;
const STAGES: Stages =
    [("layer1", [6, 8, 8]), ("layer2", [10, 4, 4]), ("layer3", [12, 3, 3]), (CLASS_MAP, [CLASSES, 3, 3])];
/// The teacher's when widths differ.
const OTHER_FEATURES: usize = 20;
const OTHER_STAGES: Stages =
    [("layer1", [8, 8, 8]), ("layer2", [14, 6, 6]), ("layer3", [20, 3, 3]), (CLASS_MAP, [CLASSES, 6, 6])];

/// A criterion, the outputs it compares, samples a class that it remembers.
type Named = (String, &'static str, usize);

/// All of the table, and what only an option or a prefix reaches.
pub fn cases(choice: DeviceChoice) -> Vec<Case> {
    let table = registry::cards().into_iter().map(|card| (card.name, "features", 0));
    let more = [
        ("w2", "logits", 0),
        ("w2", "probabilities", 0),
        ("w2", "layer2", 0),
        ("w2", "features", 3),
        ("class-w2", "features", 0),
        ("joint-energy", "features", 0),
    ];
    let all = table.chain(more.map(|(name, on, memory)| (name.to_owned(), on, memory)));
    all.map(|named| {
        let title = match &named {
            (name, "features", 0) => name.clone(),
            (name, "features", memory) => format!("{name}, {memory} a class remembered"),
            (name, on, _) => format!("{name} on {on}"),
        };
        (title, Box::new(move || case(choice, &named)) as Box<dyn Fn() -> Row>)
    })
    .collect()
}

fn case(choice: DeviceChoice, named: &Named) -> Row {
    let mut row = Row::default();
    let own = network(FEATURES, STAGES);
    if let Err(why) = compare(choice, named, &own, &mut row) {
        row.fail(why.to_string());
    }
    // Not every criterion is defined between different widths; then it is not made.
    match compare(choice, named, &network(OTHER_FEATURES, OTHER_STAGES), &mut row) {
        Ok(()) => {}
        Err(why) if why.downcast_ref().is_some_and(|e| matches!(e, CriterionError::Sizes { .. })) => {}
        Err(why) => row.fail(format!("other widths: {why}")),
    }
    row
}

fn network(features: usize, stages: Stages) -> NetworkShapes {
    NetworkShapes { features, maps: stages.map(|(name, shape)| (name.to_owned(), shape)).to_vec() }
}

/// What is read of a criterion on one device.
struct Read {
    value: f64,
    gradients: Vec<(String, Option<Vec<f32>>)>,
    learned: kd2m_nn::Weights,
    state: kd2m_nn::Weights,
}

fn compare(
    choice: DeviceChoice,
    named: &Named,
    teacher: &NetworkShapes,
    row: &mut Row,
) -> Result<(), Box<dyn std::error::Error>> {
    let reference = evaluate(named, teacher, &Device::flex())?;
    let found = evaluate(named, teacher, &choice.burn()?)?;
    let suffix = if teacher.features == FEATURES { "" } else { ", other widths" };
    row.output(&format!("value{suffix}"), &[found.value as f32], &[reference.value as f32]);
    for ((name, a), (_, b)) in found.gradients.iter().zip(&reference.gradients) {
        match (a, b) {
            (Some(a), Some(b)) => row.gradient(&format!("{name}{suffix}"), a, b, 0.0),
            (None, None) => {}
            _ => row.fail(format!("{name}{suffix}: a gradient on one device only")),
        }
    }
    row.gradients(&found.learned, &reference.learned);
    row.state(&found.state, &reference.state);
    Ok(())
}

/// The second of two steps.
fn evaluate(
    (name, on, memory): &Named,
    teacher: &NetworkShapes,
    device: &Device,
) -> Result<Read, Box<dyn std::error::Error>> {
    let student = network(FEATURES, STAGES);
    let config = CriterionConfig::new(name).on(on).memory(*memory);
    let shapes = Shapes {
        student: student.clone(),
        teacher: teacher.clone(),
        classes: CLASSES,
        train: (0..SAMPLES as u32).collect(),
    };
    let mut criterion = registry::check(&config)?.init(&shapes, device, 1)?;
    step(criterion.as_mut(), &student, teacher, device, 0)?;
    // A small ε would make of a gradient that is nothing but rounding a whole step, in either direction.
    let update = Update {
        lr: 0.05,
        weight_decay: 1e-3,
        gradient_scale: 1.0,
        rule: Rule::AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-2 },
    };
    if let Some(learned) = criterion.learned() {
        learned.step(&update);
    }
    step(criterion.as_mut(), &student, teacher, device, 1)
}

fn step(
    criterion: &mut dyn Criterion,
    student: &NetworkShapes,
    teacher: &NetworkShapes,
    device: &Device,
    step: usize,
) -> Result<Read, Box<dyn std::error::Error>> {
    let salt = 100 * step as u64;
    let (student, teacher) = (outputs(student, device, salt).leaves(), outputs(teacher, device, salt + 50));
    let labels: Vec<u32> = (0..BATCH as u32).map(|i| (i * 5 + step as u32) % CLASSES as u32).collect();
    let indices: Vec<u32> = (0..BATCH as u32).map(|i| i + 3 * step as u32).collect();
    let batch = Batch::new(&student, &teacher).labels(&labels).indices(&indices).step(step);
    let loss = criterion.evaluate(&batch)?.loss;
    let value = scalar(&loss)?;
    let mut tape = loss.backward();
    let mut gradients = vec![
        ("features".to_owned(), student.features.grad(&tape).map(|g| host(&g)).transpose()?),
        ("logits".to_owned(), student.logits.grad(&tape).map(|g| host(&g)).transpose()?),
    ];
    for (name, map) in &student.maps {
        gradients.push((name.to_string(), map.grad(&tape).map(|g| host(&g)).transpose()?));
    }
    let learned = match criterion.learned() {
        Some(parts) => {
            parts.collect(&mut tape);
            parts.gradients()?
        }
        None => kd2m_nn::Weights::new(),
    };
    Ok(Read { value, gradients, learned, state: criterion.state()? })
}

/// Random outputs, features and maps as after a ReLU.
fn outputs(shapes: &NetworkShapes, device: &Device, salt: u64) -> Outputs {
    fn tensor<const D: usize>(dims: [usize; D], salt: u64, device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(noise(dims.iter().product(), salt), dims), device)
    }
    let map = |(i, (name, [c, h, w])): (usize, &(String, [usize; 3]))| {
        (Arc::from(name.as_str()), tensor([BATCH, *c, *h, *w], salt + 3 + i as u64, device).clamp_min(0.0))
    };
    Outputs {
        features: tensor([BATCH, shapes.features], salt + 1, device).clamp_min(0.0) * 2.0,
        logits: tensor([BATCH, CLASSES], salt + 2, device) * 3.0,
        maps: shapes.maps.iter().enumerate().map(map).collect(),
    }
}
