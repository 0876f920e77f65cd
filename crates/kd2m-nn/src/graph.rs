//! A network as a list of named nodes in execution order, shapes known, outputs marked.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    layer::{BatchNorm, Conv, Layer, Linear, Pool},
    parameter::{ParameterSpec, Role},
};

pub use crate::parameter::NodeId;

/// What one sample looks like at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// Channels × height × width.
    Map { channels: usize, height: usize, width: usize },
    /// A vector of this length.
    Vector(usize),
}

impl Shape {
    /// Values a sample.
    pub fn len(&self) -> usize {
        match *self {
            // Saturating: a file may claim any shape, and what cannot be held is refused where it would be.
            Shape::Map { channels, height, width } => channels.saturating_mul(height).saturating_mul(width),
            Shape::Vector(d) => d,
        }
    }

    /// Never in a finished graph: every axis is at least one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Channels of a map, length of a vector.
    pub fn channels(&self) -> usize {
        match *self {
            Shape::Map { channels, .. } => channels,
            Shape::Vector(d) => d,
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Map { channels, height, width } => write!(f, "{channels}×{height}×{width}"),
            Shape::Vector(d) => write!(f, "{d}"),
        }
    }
}

/// One layer at its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The path PyTorch gives the module, e.g. `layer1.0.conv1`; unique in the graph.
    pub name: String,
    pub layer: Layer,
    pub inputs: Vec<NodeId>,
    pub shape: Shape,
}

/// What makes a graph invalid; `node` says where.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GraphError {
    #[error("{node}: {message}")]
    Shape { node: String, message: String },
    #[error("two layers are called {0}")]
    DuplicateName(String),
    #[error("the graph has no {0} output")]
    MissingOutput(&'static str),
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    pub name: String,
    nodes: Vec<Node>,
    features: NodeId,
    logits: NodeId,
    stages: Vec<(String, NodeId)>,
}

impl Graph {
    /// Nodes in execution order; node 0 is the input.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The penultimate activations: pooled, after the last ReLU. A vector.
    pub fn features(&self) -> NodeId {
        self.features
    }

    /// The classifier's output. A vector of one entry a class.
    pub fn logits(&self) -> NodeId {
        self.logits
    }

    /// Maps that criteria may ask for, by name, from input to output.
    pub fn stages(&self) -> &[(String, NodeId)] {
        &self.stages
    }

    /// The node of a stage.
    pub fn stage(&self, name: &str) -> Option<NodeId> {
        self.stages.iter().find(|(n, _)| n == name).map(|(_, id)| *id)
    }

    /// Shape of one image.
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// Length of the feature vector.
    pub fn feature_width(&self) -> usize {
        self.node(self.features).shape.len()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.node(self.logits).shape.len()
    }

    /// Every parameter and running statistic, in the order of the nodes, under PyTorch's keys and in its layout.
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let mut all = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let mut push = |suffix: &str, shape: Vec<usize>, role: Role| {
                all.push(ParameterSpec { key: format!("{}.{suffix}", node.name), node: NodeId(index), shape, role });
            };
            match &node.layer {
                Layer::Conv(c) => {
                    push("weight", c.weight_shape().to_vec(), Role::Weight);
                    if c.bias {
                        push("bias", vec![c.out_channels], Role::Bias);
                    }
                }
                Layer::Linear(l) => {
                    push("weight", vec![l.outputs, l.inputs], Role::Weight);
                    if l.bias {
                        push("bias", vec![l.outputs], Role::Bias);
                    }
                }
                Layer::BatchNorm(b) => {
                    push("weight", vec![b.channels], Role::Scale);
                    push("bias", vec![b.channels], Role::Shift);
                    push("running_mean", vec![b.channels], Role::RunningMean);
                    push("running_var", vec![b.channels], Role::RunningVariance);
                }
                _ => {}
            }
        }
        all
    }

    /// Number of trained values (running statistics are not trained).
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().filter(|p| p.role.is_trained()).map(ParameterSpec::len).sum()
    }

    /// Multiply–adds of convolutions and linear layers for one image.
    pub fn multiply_adds(&self) -> u64 {
        self.nodes
            .iter()
            .map(|node| match (&node.layer, node.shape) {
                (Layer::Conv(c), Shape::Map { height, width, .. }) => {
                    (c.weight_shape().iter().product::<usize>() * height * width) as u64
                }
                (Layer::Linear(l), _) => (l.inputs * l.outputs) as u64,
                _ => 0,
            })
            .sum()
    }
}

/// Builds a graph layer by layer; shapes are inferred and checked at [`finish`](GraphBuilder::finish).
pub struct GraphBuilder {
    name: String,
    nodes: Vec<Node>,
    stages: Vec<(String, NodeId)>,
    error: Option<GraphError>,
}

impl GraphBuilder {
    /// A graph over images of this shape, which begins with its own normalisation.
    pub fn new(name: &str, channels: usize, height: usize, width: usize, mean: &[f32], std: &[f32]) -> (Self, NodeId) {
        let shape = Shape::Map { channels, height, width };
        let mut builder = Self { name: name.to_owned(), nodes: Vec::new(), stages: Vec::new(), error: None };
        builder.nodes.push(Node { name: "input".into(), layer: Layer::Input, inputs: vec![], shape });
        let normalise = Layer::Normalise { mean: mean.to_vec(), std: std.to_vec() };
        let x = builder.push("normalise", normalise, &[NodeId(0)]);
        (builder, x)
    }

    /// Adds any layer.
    pub fn push(&mut self, name: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        let shapes: Vec<Shape> = inputs.iter().map(|i| self.nodes[i.0].shape).collect();
        let inferred = infer(&layer, &shapes).and_then(|shape| match shape.is_empty() {
            true => Err("an axis of its output is empty".to_owned()),
            false => Ok(shape),
        });
        let shape = inferred.unwrap_or_else(|message| {
            self.error.get_or_insert(GraphError::Shape { node: name.to_owned(), message });
            Shape::Vector(1)
        });
        if self.nodes.iter().any(|n| n.name == name) {
            self.error.get_or_insert(GraphError::DuplicateName(name.to_owned()));
        }
        self.nodes.push(Node { name: name.to_owned(), layer, inputs: inputs.to_vec(), shape });
        NodeId(self.nodes.len() - 1)
    }

    pub fn conv(&mut self, name: &str, x: NodeId, conv: Conv) -> NodeId {
        self.push(name, Layer::Conv(conv), &[x])
    }

    pub fn batch_norm(&mut self, name: &str, x: NodeId) -> NodeId {
        let channels = self.shape(x).channels();
        self.push(name, Layer::BatchNorm(BatchNorm::new(channels)), &[x])
    }

    pub fn linear(&mut self, name: &str, x: NodeId, linear: Linear) -> NodeId {
        self.push(name, Layer::Linear(linear), &[x])
    }

    pub fn relu(&mut self, name: &str, x: NodeId) -> NodeId {
        self.push(name, Layer::Relu, &[x])
    }

    pub fn add(&mut self, name: &str, x: NodeId, y: NodeId) -> NodeId {
        self.push(name, Layer::Add, &[x, y])
    }

    pub fn max_pool(&mut self, name: &str, x: NodeId, pool: Pool) -> NodeId {
        self.push(name, Layer::MaxPool(pool), &[x])
    }

    pub fn global_avg_pool(&mut self, name: &str, x: NodeId) -> NodeId {
        self.push(name, Layer::GlobalAvgPool, &[x])
    }

    pub fn flatten(&mut self, name: &str, x: NodeId) -> NodeId {
        self.push(name, Layer::Flatten, &[x])
    }

    /// Marks a map that criteria may ask for.
    pub fn stage(&mut self, name: &str, at: NodeId) {
        self.stages.push((name.to_owned(), at));
    }

    /// The node of this name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.name == name).map(NodeId)
    }

    /// The shape at a node.
    pub fn shape(&self, at: NodeId) -> Shape {
        self.nodes[at.0].shape
    }

    /// The graph with its features and logits marked.
    ///
    /// # Errors
    /// The first layer whose input does not fit, a name used twice, outputs that are not vectors.
    pub fn finish(self, features: NodeId, logits: NodeId) -> Result<Graph, GraphError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        for (id, what) in [(features, "feature"), (logits, "logit")] {
            if !matches!(self.nodes[id.0].shape, Shape::Vector(_)) {
                return Err(GraphError::MissingOutput(what));
            }
        }
        Ok(Graph { name: self.name, nodes: self.nodes, features, logits, stages: self.stages })
    }
}

/// Output length of a window over one axis, or why there is none.
fn window(length: usize, kernel: usize, stride: usize, padding: usize, dilation: usize) -> Result<usize, String> {
    let (extent, available) = (dilation * (kernel.max(1) - 1) + 1, length + 2 * padding);
    if stride == 0 || kernel == 0 || available < extent {
        return Err(format!("a window of {extent} with stride {stride} does not fit a length of {available}"));
    }
    Ok((available - extent) / stride + 1)
}

fn infer(layer: &Layer, inputs: &[Shape]) -> Result<Shape, String> {
    let one = || inputs.first().copied().ok_or("needs an input".to_owned());
    let map = || match one()? {
        Shape::Map { channels, height, width } => Ok((channels, height, width)),
        Shape::Vector(_) => Err("needs a map, got a vector".to_owned()),
    };
    let pooled = |pool: &Pool| {
        let (channels, height, width) = map()?;
        Ok::<_, String>(Shape::Map {
            channels,
            height: window(height, pool.kernel[0], pool.stride[0], pool.padding[0], 1)?,
            width: window(width, pool.kernel[1], pool.stride[1], pool.padding[1], 1)?,
        })
    };
    match layer {
        Layer::Input => Err("only node 0 is the input".to_owned()),
        Layer::Normalise { mean, std } => {
            let shape = one()?;
            if mean.len() != shape.channels() || std.len() != mean.len() || std.iter().any(|s| *s <= 0.0) {
                return Err(format!("needs {} means and positive deviations", shape.channels()));
            }
            Ok(shape)
        }
        Layer::Conv(c) => {
            let (channels, height, width) = map()?;
            if channels != c.in_channels {
                return Err(format!("expects {} channels, got {channels}", c.in_channels));
            }
            if c.groups == 0 || c.in_channels % c.groups != 0 || c.out_channels % c.groups != 0 {
                return Err(format!("{} → {} channels in {} groups", c.in_channels, c.out_channels, c.groups));
            }
            Ok(Shape::Map {
                channels: c.out_channels,
                height: window(height, c.kernel[0], c.stride[0], c.padding[0], c.dilation[0])?,
                width: window(width, c.kernel[1], c.stride[1], c.padding[1], c.dilation[1])?,
            })
        }
        Layer::BatchNorm(b) => {
            let shape = one()?;
            if shape.channels() == b.channels {
                Ok(shape)
            } else {
                Err(format!("{} channels, got {shape}", b.channels))
            }
        }
        Layer::Linear(l) => match one()? {
            Shape::Vector(d) if d == l.inputs => Ok(Shape::Vector(l.outputs)),
            shape => Err(format!("expects a vector of {}, got {shape}", l.inputs)),
        },
        Layer::Relu | Layer::Relu6 => one(),
        Layer::Add => match inputs {
            [x, y] if x == y => Ok(*x),
            _ => Err("adds two inputs of equal shape".to_owned()),
        },
        Layer::Concat => {
            let mut total = 0;
            let (_, height, width) = map()?;
            for shape in inputs {
                match *shape {
                    Shape::Map { channels, height: h, width: w } if (h, w) == (height, width) => total += channels,
                    other => return Err(format!("cannot join {other} to maps of {height}×{width}")),
                }
            }
            Ok(Shape::Map { channels: total, height, width })
        }
        Layer::Slice { start, len } => {
            let (channels, height, width) = map()?;
            if *len == 0 || start.checked_add(*len).is_none_or(|end| end > channels) {
                return Err(format!("takes channels {start} to {start} + {len} of {channels}"));
            }
            Ok(Shape::Map { channels: *len, height, width })
        }
        Layer::MaxPool(pool) | Layer::AvgPool(pool) => pooled(pool),
        Layer::GlobalAvgPool => Ok(Shape::Vector(map()?.0)),
        Layer::Flatten => Ok(Shape::Vector(one()?.len())),
        Layer::ChannelShuffle { groups } => {
            let shape = one()?;
            if *groups > 0 && shape.channels() % groups == 0 {
                Ok(shape)
            } else {
                Err(format!("{} channels do not divide into {groups} groups", shape.channels()))
            }
        }
    }
}
