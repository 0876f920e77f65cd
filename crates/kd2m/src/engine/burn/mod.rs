//! A graph as Burn operations, on any Burn device: the path to GPUs, and the reference for the CPU engine.

use std::{collections::HashMap, sync::Arc};

use burn::tensor::{
    Device, Tensor, TensorData, activation,
    module::{avg_pool2d, batch_norm, batch_norm_train, conv2d, linear, max_pool2d},
    ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions},
};
use kd2m_nn::{Graph, Layer, NamedTensor, NodeId, Role, Shape, Weights};

use super::{Engine, EngineError, Images, Mode, OutputGradients, Then, Update};
use crate::{
    batch::{CopyError, Outputs, host},
    parameters::{ParameterSet, fitting},
};

/// What flows along an edge of the graph.
#[derive(Clone)]
enum Value {
    Map(Tensor<4>),
    Vector(Tensor<2>),
}

/// Running statistics of one batch norm `[c]`.
struct Running {
    mean: Tensor<1>,
    variance: Tensor<1>,
}

/// A graph with its parameters on a Burn device.
pub struct BurnEngine {
    graph: Graph,
    device: Device,
    parameters: ParameterSet,
    /// Index into `parameters` by node and role.
    index: HashMap<(NodeId, Role), usize>,
    running: HashMap<NodeId, Running>,
    stages: Vec<(Arc<str>, NodeId)>,
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
        let mut engine =
            Self { graph: graph.clone(), device, parameters, index, running: HashMap::new(), stages, tape: None };
        engine.load_running(weights)?;
        Ok(engine)
    }

    fn load_running(&mut self, weights: &Weights) -> Result<(), EngineError> {
        for (at, node) in self.graph.nodes().iter().enumerate() {
            let Layer::BatchNorm(norm) = &node.layer else { continue };
            let read = |suffix: &str| {
                let key = format!("{}.{suffix}", node.name);
                let tensor = fitting(weights, &key, &[norm.channels]).map_err(|m| misfit(&self.graph, m))?;
                Ok::<_, EngineError>(Tensor::from_data(
                    TensorData::new(tensor.values.clone(), [norm.channels]),
                    &self.device,
                ))
            };
            let running = Running { mean: read("running_mean")?, variance: read("running_var")? };
            self.running.insert(NodeId(at), running);
        }
        Ok(())
    }

    fn parameter<const D: usize>(&self, node: NodeId, role: Role, mode: Mode) -> Tensor<D> {
        self.parameters.get(self.index[&(node, role)], mode == Mode::Train)
    }

    fn optional<const D: usize>(&self, node: NodeId, role: Role, mode: Mode) -> Option<Tensor<D>> {
        self.index.get(&(node, role)).map(|i| self.parameters.get(*i, mode == Mode::Train))
    }

    /// One layer. In training mode a batch norm also moves its running statistics.
    fn apply(&mut self, id: NodeId, inputs: &[Value], mode: Mode) -> Result<Value, EngineError> {
        let node = self.graph.node(id).clone();
        let wrong = || EngineError::Other(format!("{}: the engine cannot run this layer here", node.name));
        Ok(match (&node.layer, inputs) {
            (Layer::Normalise { mean, std }, [x]) => {
                let channels = mean.len();
                let shift = self.constant(mean.clone()).reshape([1, channels, 1, 1]);
                let scale = self.constant(std.clone()).reshape([1, channels, 1, 1]);
                match x {
                    Value::Map(x) => Value::Map((x.clone() - shift) / scale),
                    Value::Vector(x) => {
                        Value::Vector((x.clone() - shift.reshape([1, channels])) / scale.reshape([1, channels]))
                    }
                }
            }
            (Layer::Conv(c), [Value::Map(x)]) => {
                let options = ConvOptions::new(c.stride, c.padding, c.dilation, c.groups);
                let bias = self.optional(id, Role::Bias, mode);
                Value::Map(conv2d(x.clone(), self.parameter::<4>(id, Role::Weight, mode), bias, options))
            }
            (Layer::Linear(_), [Value::Vector(x)]) => {
                let weight = self.parameter::<2>(id, Role::Weight, mode).transpose();
                Value::Vector(linear(x.clone(), weight, self.optional(id, Role::Bias, mode)))
            }
            (Layer::BatchNorm(norm), [x]) => {
                let (eps, momentum) = (f64::from(norm.eps), f64::from(norm.momentum));
                match x {
                    Value::Map(x) => Value::Map(self.normalise(id, x.clone(), eps, momentum, mode)),
                    Value::Vector(x) => Value::Vector(self.normalise(id, x.clone(), eps, momentum, mode)),
                }
            }
            (Layer::Relu, [Value::Map(x)]) => Value::Map(activation::relu(x.clone())),
            (Layer::Relu, [Value::Vector(x)]) => Value::Vector(activation::relu(x.clone())),
            (Layer::Relu6, [Value::Map(x)]) => Value::Map(x.clone().clamp(0.0, 6.0)),
            (Layer::Relu6, [Value::Vector(x)]) => Value::Vector(x.clone().clamp(0.0, 6.0)),
            (Layer::Add, [Value::Map(x), Value::Map(y)]) => Value::Map(x.clone() + y.clone()),
            (Layer::Add, [Value::Vector(x), Value::Vector(y)]) => Value::Vector(x.clone() + y.clone()),
            (Layer::Concat, _) => {
                let maps = inputs.iter().map(|v| match v {
                    Value::Map(x) => Ok(x.clone()),
                    Value::Vector(_) => Err(wrong()),
                });
                Value::Map(Tensor::cat(maps.collect::<Result<Vec<_>, _>>()?, 1))
            }
            (Layer::MaxPool(p), [Value::Map(x)]) => {
                let options = MaxPoolOptions {
                    kernel_size: p.kernel,
                    stride: p.stride,
                    padding: p.padding.map(|p| (p, p)),
                    dilation: [1, 1],
                    ceil_mode: false,
                };
                Value::Map(max_pool2d(x.clone(), options))
            }
            (Layer::AvgPool(p), [Value::Map(x)]) => {
                let options = AvgPoolOptions {
                    kernel_size: p.kernel,
                    stride: p.stride,
                    padding: p.padding.map(|p| (p, p)),
                    count_include_pad: true,
                    ceil_mode: false,
                };
                Value::Map(avg_pool2d(x.clone(), options))
            }
            (Layer::GlobalAvgPool, [Value::Map(x)]) => {
                let [n, c, h, w] = x.dims();
                Value::Vector(x.clone().reshape([n, c, h * w]).mean_dim(2).reshape([n, c]))
            }
            (Layer::Flatten, [Value::Map(x)]) => {
                let [n, c, h, w] = x.dims();
                Value::Vector(x.clone().reshape([n, c * h * w]))
            }
            (Layer::Flatten, [Value::Vector(x)]) => Value::Vector(x.clone()),
            (Layer::ChannelShuffle { groups }, [Value::Map(x)]) => {
                let [n, c, h, w] = x.dims();
                let grouped = x.clone().reshape([n, *groups, c / groups, h * w]);
                Value::Map(grouped.swap_dims(1, 2).reshape([n, c, h, w]))
            }
            (Layer::Slice { start, len }, [Value::Map(x)]) => Value::Map(x.clone().narrow(1, *start, *len)),
            _ => return Err(wrong()),
        })
    }

    fn normalise<const D: usize>(
        &mut self,
        id: NodeId,
        x: Tensor<D>,
        eps: f64,
        momentum: f64,
        mode: Mode,
    ) -> Tensor<D> {
        let scale = self.parameter::<1>(id, Role::Scale, mode);
        let shift = self.parameter::<1>(id, Role::Shift, mode);
        let running = &self.running[&id];
        if mode == Mode::Evaluate {
            return batch_norm(x, scale, shift, running.mean.clone(), running.variance.clone(), eps);
        }
        let dims = x.dims();
        let count = (dims.iter().product::<usize>() / dims[1]) as f64;
        let out = batch_norm_train(x, scale, shift, eps);
        // PyTorch keeps the unbiased variance of the batch in the running statistics.
        let unbiased = out.variance.inner() * (count / (count - 1.0).max(1.0));
        let mean = running.mean.clone() * (1.0 - momentum) + out.mean.inner() * momentum;
        let variance = running.variance.clone() * (1.0 - momentum) + unbiased * momentum;
        self.running.insert(id, Running { mean, variance });
        out.output
    }

    fn constant(&self, values: Vec<f32>) -> Tensor<1> {
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), &self.device)
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

    fn step(&mut self, update: &Update) -> Result<(), EngineError> {
        self.parameters.step(update);
        Ok(())
    }

    fn network_state(&self) -> Result<Weights, CopyError> {
        let mut weights = self.parameters.values()?;
        for (id, running) in &self.running {
            let name = &self.graph.node(*id).name;
            for (suffix, tensor) in [("running_mean", &running.mean), ("running_var", &running.variance)] {
                let values = host(tensor)?;
                weights.insert(format!("{name}.{suffix}"), NamedTensor { shape: vec![values.len()], values });
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

    fn device(&self) -> Device {
        self.device.clone()
    }
}
