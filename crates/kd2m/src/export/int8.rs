//! A network on integers of eight bits: ranges from validation images, then the file, its accuracy beside that of the f32 network, and
//! a model card that says both.

use std::path::Path;

use kd2m_cpu::{Network, Options};
use kd2m_data::Loader;
use kd2m_nn::{
    int8::{self, Int8, Ranges},
    onnx,
    step::Mode,
    weights::Precision,
};
use serde_json::json;

use super::{card, eight::Eight, write::metadata};
use crate::{
    Error,
    device::DeviceChoice,
    engine::EngineError,
    files, frozen,
    saved::{Images, Saved},
};

/// Images that ranges are taken from: a few hundred of all classes settle them.
const CALIBRATION: usize = 512;
/// Images at once, while every value of the network is kept.
const BATCH: usize = 16;

/// Writes an ONNX file of integers, and beside it (`.md`) its model card.
///
/// # Errors
/// Images that the network cannot see, layers that the CPU engine cannot run, places that cannot be written.
pub fn export_int8(
    saved: &Saved,
    calibration: &Images,
    test: &Images,
    out: &Path,
    device: DeviceChoice,
    threads: usize,
) -> Result<Eight, Error> {
    let (graph, weights) = saved.network.graph()?;
    let plain = saved.scores(test, saved.engine(device, threads)?.as_mut())?.accuracy;
    let (network, calibrated_on) = quantise(saved, calibration, threads)?;
    let eight = Saved {
        description: saved.description.clone(),
        network: frozen::Network::Graph(network.graph.clone(), network.weights.clone()),
        whose: format!("{} on 8 bits", saved.whose),
        eyes_from: saved.eyes_from.clone(),
        origin: None,
    };
    // The dequantised numbers, rounded wherever the file rounds: what integers give.
    let rounded = eight.scores(test, eight.engine(device, threads)?.as_mut())?.accuracy;
    let mut metadata = metadata(saved)?;
    let accuracy = json!({
        "dataset": test.dataset.name, "split": test.split.name(), "f32": plain, "int8": rounded, "calibrated_on": calibrated_on,
    });
    metadata.insert("accuracy".to_owned(), accuracy.to_string());
    onnx::write_int8(out, &network, &metadata)?;
    let size = std::fs::metadata(out).map_err(|source| Error::io("read", out, source))?.len();
    let found =
        Eight { calibrated_on, accuracy: [plain, rounded], bytes: [onnx::encode(graph, weights)?.len() as u64, size] };
    let page =
        card::text(saved, graph, Precision::Single) + &card::of_eight(&found, &test.dataset.name, test.split.name());
    files::write(&out.with_extension("md"), page.as_bytes())?;
    Ok(found)
}

/// The network on integers, and how many images its ranges are from.
fn quantise(saved: &Saved, calibration: &Images, threads: usize) -> Result<(Int8, usize), Error> {
    let graph_error = |error: kd2m_nn::GraphError| Error::Config(format!("{} on 8 bits: {error}", saved.whose));
    let engine_error = |error: kd2m_cpu::CpuError| Error::Engine(EngineError::from(error));
    let (graph, weights) = saved.network.graph()?;
    let (graph, weights) = int8::fold(graph, weights).map_err(graph_error)?;
    let (watched, names) = int8::watched(&graph).map_err(graph_error)?;
    let options = Options { threads, trainable: false, stages: names.clone(), ..Options::default() };
    let mut network = Network::new(&watched, &weights, options).map_err(engine_error)?;
    let every = calibration.indices.len().div_ceil(CALIBRATION).max(1);
    let indices: Vec<u32> = calibration.indices.iter().copied().step_by(every).collect();
    let frame = saved.reframe(&calibration.dataset)?;
    let mut framed = Vec::new();
    let mut ranges = Ranges::new();
    let mut loader = Loader::evaluation(&calibration.dataset, calibration.part, &indices, BATCH)?;
    while let Some(batch) = loader.next().transpose()? {
        if let Some(frame) = &frame {
            frame.floats(&batch.images, &mut framed);
        }
        let pixels = if frame.is_some() { &framed } else { &batch.images };
        network.forward(pixels, batch.len(), Mode::Evaluate).map_err(engine_error)?;
        for name in &names {
            let range = ranges.entry(name.clone()).or_insert([0.0; 2]);
            for x in network.map(name).map_err(engine_error)? {
                *range = [range[0].min(x), range[1].max(x)];
            }
        }
        loader.recycle(batch);
    }
    Ok((int8::quantise(&graph, &weights, &ranges).map_err(graph_error)?, indices.len()))
}
