//! The engine of a device.

use std::borrow::Cow;

use kd2m_cpu::Options;
use kd2m_nn::{CLASS_MAP, Graph, Weights};

use super::{Engine, burn::BurnEngine, cpu::CpuEngine};
use crate::{Error, device::DeviceChoice};

/// An engine that runs (and, when `trainable`, trains) a graph on a device, with these maps handed out, those among them that are made for
/// whoever asks ([`mapped`]); threads of the CPU engine, 0: one a core.
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
        other => Ok(Box::new(BurnEngine::new(&mapped(graph, stages), weights, stages, &other.burn()?)?)),
    }
}

/// Our own engine, with all that it can be told.
///
/// # Errors
/// As [`engine`].
pub fn on_processor(graph: &Graph, weights: &Weights, options: Options) -> Result<Box<dyn Engine>, Error> {
    let graph = mapped(graph, &options.stages);
    Ok(Box::new(CpuEngine::with_options(&graph, weights, options)?))
}

/// The graph with what of these stages is made for whoever asks for it: the class map, where there is one, and looks at tokens.
pub fn mapped<'g>(graph: &'g Graph, stages: &[String]) -> Cow<'g, Graph> {
    let class_map = stages.iter().any(|stage| stage == CLASS_MAP).then(|| graph.with_class_map()).flatten();
    let graph = class_map.map_or(Cow::Borrowed(graph), Cow::Owned);
    graph.with_token_stages(stages).map_or(graph, Cow::Owned)
}
