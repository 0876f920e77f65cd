//! The engine of a device.

use kd2m_cpu::Options;
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
    match device {
        DeviceChoice::Cpu => {
            let options = Options { threads, trainable, stages: stages.to_vec(), ..Options::default() };
            on_processor(graph, weights, options)
        }
        other => {
            let mapped = mapped(graph, stages);
            Ok(Box::new(BurnEngine::new(mapped.as_ref().unwrap_or(graph), weights, stages, &other.burn()?)?))
        }
    }
}

/// Our own engine, with all that it can be told.
///
/// # Errors
/// As [`engine`].
pub fn on_processor(graph: &Graph, weights: &Weights, options: Options) -> Result<Box<dyn Engine>, Error> {
    let mapped = mapped(graph, &options.stages);
    Ok(Box::new(CpuEngine::with_options(mapped.as_ref().unwrap_or(graph), weights, options)?))
}

/// The graph with the class map, where that is asked for and there is one.
fn mapped(graph: &Graph, stages: &[String]) -> Option<Graph> {
    stages.iter().any(|stage| stage == CLASS_MAP).then(|| graph.with_class_map()).flatten()
}
