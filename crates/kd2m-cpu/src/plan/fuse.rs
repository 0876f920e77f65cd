//! Graph → steps: batch norm, residual addition and activation are taken into the step before them where nothing else reads what lies between.
//!
//! A layer is kept pending until its only reader was seen; the reader either takes it in or makes it a step.

use std::collections::HashMap;

use kd2m_nn::{Graph, Layer, NodeId, Pool, Role};

use super::{Norm, Operation, ParameterId, Plan, Purpose, Step, Value, ValueId};
use crate::{
    conv::{ConvShape, Convolution, Source},
    epilogue::Activation,
    error::CpuError,
    geometry::{Geometry, Window},
    isa::Isa,
    layout::Extent,
    pool::Windows,
};

/// First layers with so few channels read images with a border (see [`Source::PaddedImages`]).
const IMAGE_CHANNELS: usize = 4;

struct Pending {
    name: String,
    operation: Operation,
    inputs: Vec<ValueId>,
    residual: Option<ValueId>,
    activation: Activation,
}

enum Place {
    /// Not needed for any output.
    Dead,
    Pending(Pending),
    Stored(ValueId),
}

struct Compiler<'a> {
    graph: &'a Graph,
    purpose: Purpose,
    isa: Isa,
    winograd: bool,
    /// Tensors by node and role.
    tensors: HashMap<(usize, Role), ParameterId>,
    /// Readers of each node among the live ones.
    readers: Vec<Vec<usize>>,
    pinned: Vec<bool>,
    places: Vec<Place>,
    values: Vec<Value>,
    steps: Vec<Step>,
}

/// The plan of a graph that stores the wanted stages; without `winograd` no convolution goes that way.
///
/// # Errors
/// A stage that the graph does not have.
pub fn compile(graph: &Graph, wanted: &[String], purpose: Purpose, isa: Isa, winograd: bool) -> Result<Plan, CpuError> {
    let mut stages = Vec::new();
    for name in wanted {
        let node = graph.stage(name).ok_or_else(|| CpuError::UnknownStage {
            network: graph.name.clone(),
            stage: name.clone(),
            known: graph.stages().iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        stages.push((name.clone(), node));
    }
    let count = graph.nodes().len();
    let mut pinned = vec![false; count];
    let outputs = [graph.features(), graph.logits()].into_iter().chain(stages.iter().map(|(_, node)| *node));
    outputs.for_each(|NodeId(i)| pinned[i] = true);

    let mut live = pinned.clone();
    let mut readers = vec![Vec::new(); count];
    for i in (0..count).rev() {
        if live[i] {
            for NodeId(input) in &graph.nodes()[i].inputs {
                live[*input] = true;
                readers[*input].push(i);
            }
        }
    }
    let mut compiler = Compiler {
        graph,
        purpose,
        isa,
        winograd,
        tensors: graph.parameters().iter().enumerate().map(|(id, p)| ((p.node.0, p.role), id)).collect(),
        readers,
        pinned,
        places: (0..count).map(|_| Place::Dead).collect(),
        values: Vec::new(),
        steps: Vec::new(),
    };
    for (i, live) in live.iter().enumerate() {
        if *live {
            compiler.visit(i);
        }
    }
    let features = compiler.value(graph.features().0);
    let logits = compiler.value(graph.logits().0);
    let stages = stages.into_iter().map(|(name, node)| (name, compiler.value(node.0))).collect();
    Ok(Plan { values: compiler.values, steps: compiler.steps, features, logits, stages })
}

impl Compiler<'_> {
    fn visit(&mut self, i: usize) {
        let graph = self.graph;
        let node = &graph.nodes()[i];
        let place = match &node.layer {
            Layer::Input => Place::Pending(self.images(node.shape.channels())),
            Layer::Normalise { mean, std } => self.normalise(i, mean, std),
            Layer::Conv(conv) => {
                let window =
                    Window { kernel: conv.kernel, stride: conv.stride, padding: conv.padding, dilation: conv.dilation };
                Place::Pending(self.convolution(i, window, conv.groups))
            }
            Layer::Linear(_) => {
                let window = Window { kernel: [1; 2], stride: [1; 2], padding: [0; 2], dilation: [1; 2] };
                Place::Pending(self.convolution(i, window, 1))
            }
            Layer::BatchNorm(norm) => {
                let norm = Norm {
                    gamma: self.tensor(i, Role::Scale),
                    beta: self.tensor(i, Role::Shift),
                    running_mean: self.tensor(i, Role::RunningMean),
                    running_variance: self.tensor(i, Role::RunningVariance),
                    eps: norm.eps,
                    momentum: norm.momentum,
                };
                self.batch_norm(i, norm)
            }
            Layer::Relu => self.activation(i, Activation::Relu),
            Layer::Relu6 => self.activation(i, Activation::Relu6),
            Layer::Add => self.add(i),
            Layer::Flatten | Layer::GlobalAvgPool => {
                let input = node.inputs[0].0;
                if Extent::of(graph.nodes()[input].shape).positions() == 1 {
                    Place::Stored(self.value(input))
                } else if node.layer == Layer::Flatten {
                    self.plain(i, Operation::Flatten)
                } else {
                    self.plain(i, Operation::GlobalAveragePool)
                }
            }
            Layer::Concat => self.plain(i, Operation::Concat),
            Layer::Slice { start, .. } => self.plain(i, Operation::Slice { start: *start }),
            Layer::MaxPool(pool) => {
                let windows = self.windows(i, pool);
                self.plain(i, Operation::MaxPool(windows))
            }
            Layer::AvgPool(pool) => {
                let windows = self.windows(i, pool);
                self.plain(i, Operation::AveragePool(windows))
            }
            Layer::ChannelShuffle { groups } => self.plain(i, Operation::Shuffle { groups: *groups }),
        };
        self.places[i] = place;
        // Only a node with one reader can be taken in by it.
        if self.pinned[i] || self.readers[i].len() != 1 {
            self.value(i);
        }
    }

    /// A tensor that every layer of this node's kind has.
    fn tensor(&self, i: usize, role: Role) -> ParameterId {
        self.tensors[&(i, role)]
    }

    /// The stored value of a node; makes a step of it if it is pending.
    fn value(&mut self, i: usize) -> ValueId {
        let value = match std::mem::replace(&mut self.places[i], Place::Dead) {
            Place::Stored(value) => value,
            Place::Pending(pending) => self.store(i, pending),
            // Inputs come before their readers in a graph, and readers make inputs live.
            Place::Dead => unreachable!("node {i} is read before it is computed"),
        };
        self.places[i] = Place::Stored(value);
        value
    }

    fn store(&mut self, i: usize, pending: Pending) -> ValueId {
        let Pending { name, operation, inputs, residual, activation } = pending;
        let own = matches!(operation, Operation::Convolution { .. } | Operation::BatchNorm(_));
        let needs_gradient = own || inputs.iter().chain(&residual).any(|v| self.values[*v].needs_gradient);
        let border = match operation {
            Operation::Images { .. } => self.image_border(i),
            _ => None,
        };
        let extent = Extent::of(self.graph.nodes()[i].shape);
        self.values.push(Value { extent, border, needs_gradient });
        let output = self.values.len() - 1;
        self.steps.push(Step { name, operation, inputs, residual, activation, output });
        output
    }

    /// The pending layer at node i, if `fits` and it is read by one node only.
    fn take(&mut self, i: usize, fits: impl Fn(&Pending) -> bool) -> Option<Pending> {
        match std::mem::replace(&mut self.places[i], Place::Dead) {
            Place::Pending(pending) if fits(&pending) => Some(pending),
            place => {
                self.places[i] = place;
                None
            }
        }
    }

    fn plain(&mut self, i: usize, operation: Operation) -> Place {
        let graph = self.graph;
        let node = &graph.nodes()[i];
        let inputs = node.inputs.iter().map(|input| self.value(input.0)).collect();
        let pending =
            Pending { name: node.name.clone(), operation, inputs, residual: None, activation: Activation::None };
        Place::Stored(self.store(i, pending))
    }

    fn images(&self, channels: usize) -> Pending {
        let operation = Operation::Images { scale: vec![1.0; channels], shift: vec![0.0; channels] };
        Pending { name: "input".into(), operation, inputs: vec![], residual: None, activation: Activation::None }
    }

    fn normalise(&mut self, i: usize, mean: &[f32], std: &[f32]) -> Place {
        let scale: Vec<f32> = std.iter().map(|s| 1.0 / s).collect();
        let shift = mean.iter().zip(&scale).map(|(m, s)| -m * s).collect();
        let input = self.graph.nodes()[i].inputs[0].0;
        match self.take(input, |p| matches!(p.operation, Operation::Images { .. })) {
            Some(images) => Place::Pending(Pending { operation: Operation::Images { scale, shift }, ..images }),
            None => self.plain(i, Operation::Normalise { scale, shift }),
        }
    }

    fn convolution(&mut self, i: usize, window: Window, groups: usize) -> Pending {
        let node = &self.graph.nodes()[i];
        let input = self.value(node.inputs[0].0);
        let source = match self.values[input].border {
            Some(border) => Source::PaddedImages { border },
            None => Source::Maps,
        };
        let (from, to) = (self.values[input].extent, Extent::of(node.shape));
        let conv =
            Convolution::new(ConvShape { window, groups, input: from, output: to, source }, self.isa, self.winograd);
        let bias = self.tensors.get(&(i, Role::Bias)).copied();
        let weight = self.tensor(i, Role::Weight);
        let operation = Operation::Convolution { weight, bias, folded: None, conv: Box::new(conv) };
        Pending {
            name: node.name.clone(),
            operation,
            inputs: vec![input],
            residual: None,
            activation: Activation::None,
        }
    }

    fn batch_norm(&mut self, i: usize, norm: Norm) -> Place {
        let node = &self.graph.nodes()[i];
        let input = node.inputs[0].0;
        let bare = |p: &Pending| {
            matches!(p.operation, Operation::Convolution { folded: None, .. })
                && p.residual.is_none()
                && p.activation == Activation::None
        };
        if self.purpose == Purpose::Evaluation
            && let Some(mut pending) = self.take(input, bare)
        {
            if let Operation::Convolution { folded, .. } = &mut pending.operation {
                *folded = Some(norm);
            }
            return Place::Pending(pending);
        }
        Place::Pending(Pending {
            name: node.name.clone(),
            operation: Operation::BatchNorm(norm),
            inputs: vec![self.value(input)],
            residual: None,
            activation: Activation::None,
        })
    }

    fn activation(&mut self, i: usize, activation: Activation) -> Place {
        let node = &self.graph.nodes()[i];
        let input = node.inputs[0].0;
        let free = |p: &Pending| p.activation == Activation::None && !matches!(p.operation, Operation::Images { .. });
        if let Some(pending) = self.take(input, free) {
            return Place::Pending(Pending { activation, ..pending });
        }
        Place::Pending(Pending {
            name: node.name.clone(),
            operation: Operation::Identity,
            inputs: vec![self.value(input)],
            residual: None,
            activation,
        })
    }

    fn add(&mut self, i: usize) -> Place {
        let node = &self.graph.nodes()[i];
        let (a, b) = (node.inputs[0].0, node.inputs[1].0);
        let free = |p: &Pending| {
            p.activation == Activation::None && p.residual.is_none() && !matches!(p.operation, Operation::Images { .. })
        };
        for (first, second) in [(a, b), (b, a)] {
            if let Some(pending) = self.take(first, free) {
                let residual = Some(self.value(second));
                return Place::Pending(Pending { residual, ..pending });
            }
        }
        Place::Pending(Pending {
            name: node.name.clone(),
            operation: Operation::Identity,
            inputs: vec![self.value(a)],
            residual: Some(self.value(b)),
            activation: Activation::None,
        })
    }

    fn windows(&self, i: usize, pool: &Pool) -> Windows {
        let node = &self.graph.nodes()[i];
        let window = Window { kernel: pool.kernel, stride: pool.stride, padding: pool.padding, dilation: [1; 2] };
        let input = Extent::of(self.graph.nodes()[node.inputs[0].0].shape);
        Windows::new(&Geometry::new(&window, input, Extent::of(node.shape)))
    }

    /// The border that suits all readers of the images, if all are convolutions over few channels.
    fn image_border(&self, i: usize) -> Option<[usize; 2]> {
        if self.pinned[i] || self.graph.nodes()[i].shape.channels() > IMAGE_CHANNELS {
            return None;
        }
        let mut border = [0, 0];
        for reader in &self.readers[i] {
            match &self.graph.nodes()[*reader].layer {
                Layer::Conv(conv) if conv.groups == 1 && conv.dilation[1] == 1 && conv.kernel[1] > 1 => {
                    border = [border[0].max(conv.padding[0]), border[1].max(conv.padding[1])];
                }
                _ => return None,
            }
        }
        Some(border)
    }
}
