//! The engine of a device.

use kd2m_nn::{CLASS_MAP, Graph, Weights};

use super::{Engine, burn::BurnEngine, cpu::CpuEngine};
use crate::{Error, device::DeviceChoice};

/// An engine that runs (and, when `trainable`, trains) a graph on a device, with these maps handed out, [`CLASS_MAP`] among them where the
/// graph can give it; threads of the CPU engine, 0: one a core.
///
/// # Errors
/// Weights that do not fit, a stage that is not there, or a device that was not compiled in.
pub fn engine(
    device: DeviceChoice,
    threads: usize,
    graph: &Graph,
    weights: &Weights,
    stages: &[String],
    trainable: bool,
) -> Result<Box<dyn Engine>, Error> {
    let mapped = stages.iter().any(|stage| stage == CLASS_MAP).then(|| graph.with_class_map()).flatten();
    let graph = mapped.as_ref().unwrap_or(graph);
    Ok(match device {
        DeviceChoice::Cpu => Box::new(CpuEngine::new(graph, weights, stages, trainable, threads)?),
        other => Box::new(BurnEngine::new(graph, weights, stages, &other.burn()?)?),
    })
}
