//! A graph as Burn operations, on any Burn device: the path to GPUs, and the reference for the CPU engine.

mod layer;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_nn::{Graph, NamedTensor, NodeId, Role, Shape, Weights};

use super::{Decayed, Draws, Engine, EngineError, Images, Mode, OutputGradients, Then, Update};
use crate::{
    batch::{CopyError, Outputs, host},
    parameters::{ParameterSet, fitting},
};
use layer::{Scope, Value};

/// A graph with its parameters on a Burn device.
pub struct BurnEngine {
    graph: Graph,
    device: Device,
    parameters: ParameterSet,
    /// Index into `parameters` by node and role.
    index: HashMap<(NodeId, Role), usize>,
    /// Running statistics by node and role.
    running: HashMap<(NodeId, Role), Tensor<1>>,
    stages: Vec<(Arc<str>, NodeId)>,
    draws: Draws,
    /// Tracked outputs of the last training forward pass.
    tape: Option<Outputs>,
}

impl BurnEngine {
    /// Puts a network on a device; `stages` names the maps to hand out.
    ///
    /// # Errors
    /// Weights that do not fit, or a stage that the graph lacks.
    pub fn new(graph: &Graph, weights: &Weights, stages: &[String], device: &Device) -> Result<Self, EngineError> {
        let device = device.clone().without_autodiff();
        let mut parameters = ParameterSet::new(&device);
        let mut index = HashMap::new();
        for spec in graph.parameters().iter().filter(|p| p.role.is_trained()) {
            let tensor = fitting(weights, &spec.key, &spec.shape).map_err(|m| misfit(graph, m))?;
            index.insert((spec.node, spec.role), parameters.push(&spec.key, &spec.shape, tensor.values.clone()));
        }
        let stages = stages
            .iter()
            .map(|name| match graph.stage(name) {
                Some(id) => Ok((Arc::from(name.as_str()), id)),
                None => Err(EngineError::Other(format!("{} has no stage `{name}`", graph.name))),
            })
            .collect::<Result<_, _>>()?;
        let (graph, running, draws) = (graph.clone(), HashMap::new(), Draws::default());
        let mut engine = Self { graph, device, parameters, index, running, stages, draws, tape: None };
        engine.load_running(weights)?;
        Ok(engine)
    }

    fn load_running(&mut self, weights: &Weights) -> Result<(), EngineError> {
        for spec in self.graph.parameters().iter().filter(|p| !p.role.is_trained()) {
            let tensor = fitting(weights, &spec.key, &spec.shape).map_err(|m| misfit(&self.graph, m))?;
            let values = TensorData::new(tensor.values.clone(), [spec.len()]);
            self.running.insert((spec.node, spec.role), Tensor::from_data(values, &self.device));
        }
        Ok(())
    }

    /// One layer. In training mode a batch norm also moves its running statistics.
    fn apply(&mut self, id: NodeId, inputs: &[Value], mode: Mode) -> Result<Value, EngineError> {
        let Self { graph, device, parameters, index, running, draws, .. } = self;
        let node = graph.node(id);
        let mut scope = Scope { node: id, mode, draws: *draws, device, parameters, index, running };
        layer::apply(&mut scope, &node.layer, inputs)
            .ok_or_else(|| EngineError::Other(format!("{}: the engine cannot run this layer here", node.name)))
    }

    fn run(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
        let Shape::Map { channels, height, width } = self.graph.input_shape() else {
            return Err(EngineError::Other(format!("{}: the input is not an image", self.graph.name)));
        };
        let expected = images.n * channels * height * width;
        if images.pixels.len() != expected {
            let model = self.graph.name.clone();
            return Err(EngineError::Images { model, expected, found: images.pixels.len() });
        }
        let device = if mode == Mode::Train { self.device.clone().autodiff() } else { self.device.clone() };
        let input = TensorData::new(images.pixels.to_vec(), [images.n, channels, height, width]);
        let count = self.graph.nodes().len();
        let mut last_use = vec![0; count];
        for (at, node) in self.graph.nodes().iter().enumerate() {
            node.inputs.iter().for_each(|i| last_use[i.0] = at);
        }
        for id in self.stages.iter().map(|(_, id)| *id).chain([self.graph.features(), self.graph.logits()]) {
            last_use[id.0] = count;
        }
        let mut values: Vec<Option<Value>> = vec![None; count];
        values[0] = Some(Value::Map(Tensor::from_data(input, &device)));
        for at in 1..count {
            let sources = self.graph.node(NodeId(at)).inputs.clone();
            let inputs: Vec<Value> = sources.iter().filter_map(|i| values[i.0].clone()).collect();
            values[at] = Some(self.apply(NodeId(at), &inputs, mode)?);
            for i in sources.iter().filter(|i| last_use[i.0] == at) {
                values[i.0] = None;
            }
        }
        let vector = |id: NodeId| match &values[id.0] {
            Some(Value::Vector(x)) => Ok(x.clone()),
            _ => Err(EngineError::Other("an output is not a vector".into())),
        };
        let map = |id: NodeId| match &values[id.0] {
            Some(Value::Map(x)) => Ok(x.clone()),
            _ => Err(EngineError::Other("a stage is not a map".into())),
        };
        Ok(Outputs {
            features: vector(self.graph.features())?,
            logits: vector(self.graph.logits())?,
            maps: self
                .stages
                .iter()
                .map(|(name, id)| Ok((name.clone(), map(*id)?)))
                .collect::<Result<_, EngineError>>()?,
        })
    }
}

fn misfit(graph: &Graph, message: String) -> EngineError {
    EngineError::Weights { model: graph.name.clone(), message }
}

impl Engine for BurnEngine {
    fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
        let outputs = self.run(images, mode)?;
        if mode == Mode::Evaluate {
            return Ok(outputs);
        }
        let constants = outputs.constants();
        self.tape = Some(outputs);
        Ok(constants)
    }

    fn backward(&mut self, gradients: &OutputGradients, then: Then) -> Result<(), EngineError> {
        let tape = self.tape.take().ok_or(EngineError::NoForward)?;
        let mut terms: Vec<Tensor<1>> = Vec::new();
        if let Some(g) = &gradients.features {
            terms.push((tape.features.clone() * g.clone()).sum());
        }
        if let Some(g) = &gradients.logits {
            terms.push((tape.logits.clone() * g.clone()).sum());
        }
        for (name, g) in &gradients.maps {
            let map = tape.map(name).ok_or(EngineError::NoForward)?;
            terms.push((map.clone() * g.clone()).sum());
        }
        if let Some(total) = terms.into_iter().reduce(|x, y| x + y) {
            self.parameters.collect(&mut total.backward());
        }
        match then {
            Then::Accumulate => Ok(()),
            Then::Step(update) => self.step(&update),
        }
    }

    fn gradient_norm_squared(&self) -> Result<f64, CopyError> {
        self.parameters.gradient_norm_squared()
    }

    fn decay(&mut self, decayed: Decayed) {
        let roles: HashMap<usize, Role> = self.index.iter().map(|((_, role), at)| (*at, *role)).collect();
        self.parameters.decay_only(|at, _| roles.get(&at).is_some_and(|role| decayed.has(*role)));
    }

    fn scale_rates(&mut self, rates: &BTreeMap<String, f64>) {
        self.parameters.scale_rates(rates);
    }

    fn draw_from(&mut self, draws: Draws) {
        self.draws = draws;
    }

    fn step(&mut self, update: &Update) -> Result<(), EngineError> {
        self.parameters.step(update);
        Ok(())
    }

    fn network_state(&self) -> Result<Weights, CopyError> {
        let mut weights = self.parameters.values()?;
        for spec in self.graph.parameters() {
            if let Some(tensor) = self.running.get(&(spec.node, spec.role)) {
                weights.insert(spec.key, NamedTensor { shape: spec.shape, values: host(tensor)? });
            }
        }
        Ok(weights)
    }

    fn optimizer_state(&self) -> Result<Weights, CopyError> {
        self.parameters.optimizer_state()
    }

    fn load_network(&mut self, weights: &Weights) -> Result<(), EngineError> {
        self.parameters.load_values(weights).map_err(|m| misfit(&self.graph, m))?;
        self.load_running(weights)
    }

    fn tensor(&self, key: &str) -> Result<Option<NamedTensor>, CopyError> {
        self.parameters.value(key)
    }

    fn replace(&mut self, part: &Weights) -> Result<(), EngineError> {
        self.parameters.replace(part).map_err(|m| misfit(&self.graph, m))
    }

    fn load_optimizer(&mut self, state: &Weights) -> Result<(), EngineError> {
        Ok(self.parameters.load_optimizer(state)?)
    }

    fn gradients(&self) -> Result<Weights, CopyError> {
        self.parameters.gradients()
    }

    fn arithmetic(&self) -> String {
        // Burn's CPU path uses all cores.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!("burn {:?} {cores} cores", self.device)
    }

    fn bytes(&self, _: usize) -> Option<usize> {
        None
    }

    fn device(&self) -> Device {
        self.device.clone()
    }
}
