//! A network as a list of named nodes in execution order, shapes known, outputs marked.

mod blocks;
mod class_map;
mod tokens;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    layer::{BatchNorm, Conv, Layer, LayerNorm, Linear, Places, Pool, Ramp},
    parameter::{ParameterSpec, key},
};

pub use crate::{parameter::NodeId, shape::Shape};
pub use blocks::{DropError, Dropped};
pub use class_map::CLASS_MAP;
pub use tokens::is_second_look;

/// One layer at its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The path PyTorch gives the module, e.g. `layer1.0.conv1`; unique in the graph.
    pub name: String,
    /// What it computes.
    pub layer: Layer,
    /// What it reads; all come before it.
    pub inputs: Vec<NodeId>,
    /// What it gives for one sample.
    pub shape: Shape,
}

/// What makes a graph invalid; `node` says where.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A layer that cannot read what it is given.
    #[error("{node}: {message}")]
    Shape {
        /// The layer's name.
        node: String,
        /// What it needs, and what it got.
        message: String,
    },
    /// Names are keys of weights.
    #[error("two layers are called {0}")]
    DuplicateName(String),
    /// A stage that criteria could not read.
    #[error("stage {stage} gives {shape}: criteria read maps and vectors, mark the map before it is made tokens")]
    Stage {
        /// Its name.
        stage: String,
        /// What it gives.
        shape: Shape,
    },
    /// Features or logits that are no vector.
    #[error(
        "the {output} of a graph are a vector, but {node} gives {shape}: take the mean over places or tokens first"
    )]
    Output {
        /// Which.
        output: &'static str,
        /// The layer that was named for it.
        node: String,
        /// What it gives.
        shape: Shape,
    },
}

/// The layer between features and classifier that [`Graph::lifted`] adds.
pub(crate) const LIFT: &str = "lift";

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// The architecture, e.g. `resnet18`.
    pub name: String,
    nodes: Vec<Node>,
    features: NodeId,
    logits: NodeId,
    stages: Vec<(String, NodeId)>,
    /// The last node of each block.
    #[serde(default)]
    blocks: Vec<NodeId>,
    #[serde(default)]
    ramp: Ramp,
}

impl Graph {
    /// Mean and deviation of each channel by which pixels in 0…1 are normalised first.
    pub fn normalisation(&self) -> (&[f32], &[f32]) {
        let found = self.nodes.iter().find_map(|node| match &node.layer {
            Layer::Normalise { mean, std } => Some((&mean[..], &std[..])),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// Whether that changes pixels at all.
    pub fn normalises(&self) -> bool {
        let (mean, std) = self.normalisation();
        mean.iter().any(|m| *m != 0.0) || std.iter().any(|s| *s != 1.0)
    }

    /// The same network with another normalisation, a number for each channel.
    #[must_use]
    pub fn with_normalisation(mut self, mean: &[f32], std: &[f32]) -> Self {
        for node in &mut self.nodes {
            if let Layer::Normalise { mean: own_mean, std: own_std } = &mut node.layer {
                (*own_mean, *own_std) = (mean.to_vec(), std.to_vec());
            }
        }
        self
    }

    /// The same network with a linear layer `lift` of `width` outputs between its features and a classifier of that width: the features
    /// are then the layer's. `None` where the classifier is not a linear layer on the features.
    #[must_use]
    pub fn lifted(mut self, width: usize) -> Option<Self> {
        let (at, from) = (self.logits.0, self.features);
        let Layer::Linear(classifier) = &self.nodes[at].layer else { return None };
        if self.nodes[at].inputs != [from] || self.nodes.iter().any(|node| node.name == LIFT) {
            return None;
        }
        let classifier = Linear { inputs: width, ..classifier.clone() };
        let layer = Layer::Linear(Linear::new(self.feature_width(), width));
        for input in self.nodes[at..].iter_mut().flat_map(|node| &mut node.inputs).filter(|input| input.0 >= at) {
            input.0 += 1;
        }
        self.stages.iter_mut().filter(|(_, id)| id.0 >= at).for_each(|(_, id)| id.0 += 1);
        self.nodes[at].layer = Layer::Linear(classifier);
        self.nodes[at].inputs = vec![NodeId(at)];
        self.nodes.insert(at, Node { name: LIFT.to_owned(), layer, inputs: vec![from], shape: Shape::Vector(width) });
        (self.features, self.logits) = (NodeId(at), NodeId(at + 1));
        self.name = format!("{}+{LIFT}{width}", self.name);
        Some(self)
    }

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
            let tensors = node.layer.tensors().into_iter();
            all.extend(tensors.map(|(name, shape, role)| ParameterSpec {
                key: key(&node.name, name),
                node: NodeId(index),
                shape,
                role,
            }));
        }
        all
    }

    /// Number of trained values (running statistics are not trained).
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().filter(|p| p.role.is_trained()).map(ParameterSpec::len).sum()
    }

    /// Multiply–adds of convolutions and linear layers for one image.
    pub fn multiply_adds(&self) -> u64 {
        self.nodes.iter().map(|node| node.layer.multiply_adds(node.shape)).sum()
    }
}

/// Height and width of the map whose places became tokens.
fn grid(nodes: &[Node]) -> Option<[usize; 2]> {
    let map = nodes.iter().find(|node| matches!(node.layer, Layer::Tokens))?.inputs.first()?;
    match nodes[map.0].shape {
        Shape::Map { height, width, .. } => Some([height, width]),
        _ => None,
    }
}

/// Builds a graph layer by layer; shapes are inferred and checked at [`finish`](GraphBuilder::finish).
#[derive(Debug, Clone)]
pub struct GraphBuilder {
    name: String,
    nodes: Vec<Node>,
    stages: Vec<(String, NodeId)>,
    blocks: Vec<NodeId>,
    ramp: Ramp,
    error: Option<GraphError>,
}

impl GraphBuilder {
    /// A graph over images of this shape, which begins with its own normalisation.
    pub fn new(name: &str, channels: usize, height: usize, width: usize, mean: &[f32], std: &[f32]) -> (Self, NodeId) {
        let shape = Shape::Map { channels, height, width };
        let (stages, blocks) = (Vec::new(), Vec::new());
        let mut builder =
            Self { name: name.to_owned(), nodes: Vec::new(), stages, blocks, ramp: Ramp::default(), error: None };
        builder.nodes.push(Node { name: "input".into(), layer: Layer::Input, inputs: vec![], shape });
        let normalise = Layer::Normalise { mean: mean.to_vec(), std: std.to_vec() };
        let x = builder.push("normalise", normalise, &[NodeId(0)]);
        (builder, x)
    }

    /// Adds any layer.
    pub fn push(&mut self, name: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        let shapes: Vec<Shape> = inputs.iter().map(|i| self.nodes[i.0].shape).collect();
        let inferred = layer.output(&shapes).and_then(|shape| match shape.is_empty() {
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

    /// Adds a convolution of a map.
    pub fn conv(&mut self, name: &str, x: NodeId, conv: Conv) -> NodeId {
        self.push(name, Layer::Conv(conv), &[x])
    }

    /// Adds a batch norm over the channels of a map or a vector, with PyTorch's defaults.
    pub fn batch_norm(&mut self, name: &str, x: NodeId) -> NodeId {
        let channels = self.shape(x).channels();
        self.push(name, Layer::BatchNorm(BatchNorm::new(channels)), &[x])
    }

    /// Adds a layer norm over a vector, each token, or the channels at each place of a map, with PyTorch's defaults.
    pub fn layer_norm(&mut self, name: &str, x: NodeId) -> NodeId {
        let width = self.shape(x).channels();
        self.push(name, Layer::LayerNorm(LayerNorm::new(width)), &[x])
    }

    /// Adds a linear layer of a vector, of each token, or of the channels at each place of a map.
    pub fn linear(&mut self, name: &str, x: NodeId, linear: Linear) -> NodeId {
        self.push(name, Layer::Linear(linear), &[x])
    }

    /// Adds max(x, 0).
    pub fn relu(&mut self, name: &str, x: NodeId) -> NodeId {
        self.push(name, Layer::Relu, &[x])
    }

    /// Adds the sum of two values of equal shape.
    pub fn add(&mut self, name: &str, x: NodeId, y: NodeId) -> NodeId {
        self.push(name, Layer::Add, &[x, y])
    }

    /// Adds maxima over windows of a map.
    pub fn max_pool(&mut self, name: &str, x: NodeId, pool: Pool) -> NodeId {
        self.push(name, Layer::MaxPool(pool), &[x])
    }

    /// Adds the mean over the places of a map, or over tokens.
    pub fn global_avg_pool(&mut self, name: &str, x: NodeId) -> NodeId {
        self.push(name, Layer::GlobalAvgPool, &[x])
    }

    /// Adds the map as one vector, channels outermost.
    pub fn flatten(&mut self, name: &str, x: NodeId) -> NodeId {
        self.push(name, Layer::Flatten, &[x])
    }

    /// Marks a map that criteria may ask for.
    pub fn stage(&mut self, name: &str, at: NodeId) {
        self.stages.push((name.to_owned(), at));
    }

    /// Marks the end of a block. Blocks follow each other; what lies between two belongs to the second.
    pub fn block(&mut self, end: NodeId) {
        self.blocks.push(end);
    }

    /// How the rate rises at which blocks are left out.
    pub fn ramp(&mut self, ramp: Ramp) {
        self.ramp = ramp;
    }

    /// The node of this name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.name == name).map(NodeId)
    }

    /// The shape at a node.
    pub fn shape(&self, at: NodeId) -> Shape {
        self.nodes[at.0].shape
    }

    /// Tokens as the map that their patches were, as a layer of its own name; themselves where that cannot be.
    pub(crate) fn places(&mut self, at: NodeId) -> NodeId {
        let (Shape::Tokens { tokens: count, .. }, Some([height, width])) = (self.shape(at), grid(&self.nodes)) else {
            return at;
        };
        let Some(skip) = count.checked_sub(height * width) else { return at };
        let name = format!("{}.places", self.nodes[at.0].name);
        self.find(&name).unwrap_or_else(|| self.push(&name, Layer::Places(Places { skip, height, width }), &[at]))
    }

    /// The graph with its features and logits marked.
    ///
    /// # Errors
    /// The first layer whose input does not fit, a name used twice, outputs that are not vectors, a stage of tokens.
    pub fn finish(self, features: NodeId, logits: NodeId) -> Result<Graph, GraphError> {
        let graph = self.finish_watched(features, logits)?;
        let of_tokens = |(_, id): &&(String, NodeId)| matches!(graph.node(*id).shape, Shape::Tokens { .. });
        match graph.stages.iter().find(of_tokens) {
            Some((stage, id)) => Err(GraphError::Stage { stage: stage.clone(), shape: graph.node(*id).shape }),
            None => Ok(graph),
        }
    }

    /// The same with stages of tokens too, which an engine hands out and no criterion reads.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub(crate) fn finish_watched(self, features: NodeId, logits: NodeId) -> Result<Graph, GraphError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        for (id, what) in [(features, "features"), (logits, "logits")] {
            if !matches!(self.nodes[id.0].shape, Shape::Vector(_)) {
                let Node { name, shape, .. } = &self.nodes[id.0];
                return Err(GraphError::Output { output: what, node: name.clone(), shape: *shape });
            }
        }
        let Self { name, nodes, stages, blocks, ramp, .. } = self;
        Ok(Graph { name, nodes, features, logits, stages, blocks, ramp })
    }
}
