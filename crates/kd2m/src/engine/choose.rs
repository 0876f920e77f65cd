//! The engine of a device.

use std::sync::Arc;

use kd2m_cpu::Options;
use kd2m_nn::{CLASS_MAP, Graph, Weights, step::Reduce};

use super::{Engine, burn::BurnEngine, cpu::CpuEngine};
use crate::{Error, device::DeviceChoice};

/// An engine that runs (and, when `trainable`, trains) a graph on a device, with these maps handed out, [`CLASS_MAP`] among them where the
/// graph can give it; threads of the CPU engine, 0: one a core; `others` have the rest of each training batch.
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
    others: Option<Arc<dyn Reduce>>,
) -> Result<Box<dyn Engine>, Error> {
    let mapped = stages.iter().any(|stage| stage == CLASS_MAP).then(|| graph.with_class_map()).flatten();
    let graph = mapped.as_ref().unwrap_or(graph);
    Ok(match device {
        DeviceChoice::Cpu => {
            let stages = stages.to_vec();
            Box::new(CpuEngine::with_options(
                graph,
                weights,
                Options { threads, trainable, stages, others, ..Options::default() },
            )?)
        }
        other => Box::new(BurnEngine::new(graph, weights, stages, &other.burn()?)?),
    })
}
