//! Logits of a saved student on a few test images, for `scripts/check_torchvision.py`, which computes them again in PyTorch.
//! `cargo run --release -p kd2m --example dump_logits -- RUN/students/ARM/seed-K DATA_ROOT DUMP.safetensors`

use std::path::Path;

use kd2m::{
    batch::host,
    device::DeviceChoice,
    engine::{Images, Mode},
    train::{inspect, setup::Setup},
};
use kd2m_data::{Loader, Part};
use kd2m_nn::{NamedTensor, Weights, weights};

/// Test images to compare.
const IMAGES: u32 = 256;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [student, root, dump] = arguments.as_slice() else { return Err("STUDENT_FOLDER DATA_ROOT DUMP".into()) };
    let mut opened = inspect::open(Path::new(student))?;
    opened.config.data.root = Some(root.into());
    let setup = Setup::new(&opened.config, DeviceChoice::Cpu, 0)?;
    let saved = weights::read(&Path::new(student).join("student.safetensors"), &setup.student)?;
    let mut engine = setup.engine(&setup.student, &saved, &[], false)?;

    let indices: Vec<u32> = (0..IMAGES.min(setup.dataset.test.len() as u32)).collect();
    let mut loader = Loader::evaluation(&setup.dataset, Part::Test, &indices, indices.len())?;
    let batch = loader.next().ok_or("no test images")??;
    let outputs = engine.forward(Images { pixels: &batch.images, n: batch.len() }, Mode::Evaluate)?;

    // PyTorch's network has no normalisation of its own: the dump holds normalised images.
    let (data, area) = (&setup.dataset, setup.dataset.height * setup.dataset.width);
    let normalised = batch.images.iter().enumerate().map(|(i, x)| {
        let channel = i / area % data.channels;
        (x - data.mean[channel]) / data.std[channel]
    });
    let images =
        NamedTensor { shape: vec![batch.len(), data.channels, data.height, data.width], values: normalised.collect() };
    let logits = NamedTensor { shape: outputs.logits.dims().to_vec(), values: host(&outputs.logits)? };
    let tensors = Weights::from([("images".to_owned(), images), ("logits".to_owned(), logits)]);
    weights::write(Path::new(dump), &tensors, None)?;
    Ok(())
}
