//! Our own CPU engine: `kd2m-cpu`'s plain slices as tensors on Burn's flex device, where the (small) losses are computed.

use std::{collections::BTreeMap, sync::Arc};

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_cpu::{CpuError, Network, Options};
use kd2m_nn::{Graph, NamedTensor, Shape, Weights};

use super::{Decayed, Draws, Engine, EngineError, Images, Mode, OutputGradients, Then, Update};
use crate::batch::{CopyError, Outputs, host};

/// A compiled network on this machine's processor.
pub struct CpuEngine {
    network: Network,
    /// Stages to hand out, with their `[c, h, w]`.
    stages: Vec<(Arc<str>, [usize; 3])>,
    features: usize,
    classes: usize,
    device: Device,
}

impl From<CpuError> for EngineError {
    fn from(error: CpuError) -> Self {
        EngineError::Other(error.to_string())
    }
}

impl CpuEngine {
    /// Compiles a graph; `threads` 0: one a core.
    ///
    /// # Errors
    /// Weights that do not fit, a stage that the graph lacks, or a layer that the engine cannot run.
    pub fn new(
        graph: &Graph,
        weights: &Weights,
        stages: &[String],
        trainable: bool,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let stages = stages.to_vec();
        Self::with_options(graph, weights, Options { threads, trainable, stages, ..Options::default() })
    }

    /// The same with every option of `kd2m-cpu`.
    ///
    /// # Errors
    /// As [`new`](CpuEngine::new).
    pub fn with_options(graph: &Graph, weights: &Weights, options: Options) -> Result<Self, EngineError> {
        let stages = options
            .stages
            .iter()
            .map(|name| match graph.stage(name).map(|id| graph.node(id).shape) {
                Some(Shape::Map { channels, height, width }) => {
                    Ok((Arc::from(name.as_str()), [channels, height, width]))
                }
                _ => Err(EngineError::Other(format!("{} has no stage `{name}`", graph.name))),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            network: Network::new(graph, weights, options)?,
            stages,
            features: graph.feature_width(),
            classes: graph.classes(),
            device: Device::flex(),
        })
    }

    /// The compiled network: its kernels, memory and where its time goes.
    pub fn network(&self) -> &Network {
        &self.network
    }
}

impl Engine for CpuEngine {
    fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
        self.network.forward(images.pixels, images.n, mode)?;
        let vector = |values: &[f32], width: usize| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [images.n, width]), &self.device)
        };
        let maps = self.stages.iter().map(|(name, [c, h, w])| {
            let data = TensorData::new(self.network.map(name)?, [images.n, *c, *h, *w]);
            Ok((name.clone(), Tensor::<4>::from_data(data, &self.device)))
        });
        Ok(Outputs {
            features: vector(self.network.features(), self.features),
            logits: vector(self.network.logits(), self.classes),
            maps: maps.collect::<Result<_, EngineError>>()?,
        })
    }

    fn backward(&mut self, gradients: &OutputGradients, then: Then) -> Result<(), EngineError> {
        let features = gradients.features.as_ref().map(host).transpose()?;
        let logits = gradients.logits.as_ref().map(host).transpose()?;
        let maps = gradients.maps.iter().map(|(name, g)| Ok((name.as_ref(), host(g)?)));
        let maps: Vec<(&str, Vec<f32>)> = maps.collect::<Result<_, CopyError>>()?;
        let maps: Vec<(&str, &[f32])> = maps.iter().map(|(name, g)| (*name, g.as_slice())).collect();
        Ok(self.network.backward(features.as_deref(), logits.as_deref(), &maps, then)?)
    }

    fn gradient_norm_squared(&self) -> Result<f64, CopyError> {
        Ok(self.network.gradient_norm_squared())
    }

    fn decay(&mut self, decayed: Decayed) {
        self.network.decay(decayed);
    }

    fn scale_rates(&mut self, rates: &BTreeMap<String, f64>) {
        self.network.scale_rates(rates);
    }

    fn draw_from(&mut self, draws: Draws) {
        self.network.draw_from(draws);
    }

    fn change_gradients(&mut self, change: &mut dyn FnMut(&mut [f32])) -> Result<(), EngineError> {
        self.network.change_gradients(change);
        Ok(())
    }

    fn step(&mut self, update: &Update) -> Result<(), EngineError> {
        Ok(self.network.step(update)?)
    }

    fn network_state(&self) -> Result<Weights, CopyError> {
        Ok(self.network.weights())
    }

    fn optimizer_state(&self) -> Result<Weights, CopyError> {
        Ok(self.network.optimizer_state())
    }

    fn load_network(&mut self, weights: &Weights) -> Result<(), EngineError> {
        Ok(self.network.load(weights)?)
    }

    fn tensor(&self, key: &str) -> Result<Option<NamedTensor>, CopyError> {
        Ok(self.network.tensor(key))
    }

    fn replace(&mut self, part: &Weights) -> Result<(), EngineError> {
        Ok(self.network.replace(part)?)
    }

    fn load_optimizer(&mut self, state: &Weights) -> Result<(), EngineError> {
        Ok(self.network.load_optimizer_state(state)?)
    }

    fn gradients(&self) -> Result<Weights, CopyError> {
        Ok(self.network.gradients())
    }

    fn arithmetic(&self) -> String {
        format!("kd2m-cpu {} {} threads", self.network.isa(), self.network.threads())
    }

    fn bytes(&self, n: usize) -> Option<usize> {
        Some(self.network.bytes_for(n))
    }

    fn device(&self) -> Device {
        self.device.clone()
    }
}
