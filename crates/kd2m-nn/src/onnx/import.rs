//! An ONNX model as a graph: what holds the walk over its nodes together. What each operator means is in [`super::operators`].

use std::collections::{HashMap, HashSet};

use super::{
    FEATURES, LOGITS, OnnxError, STAGES,
    proto::{GraphProto, Model, NodeProto, ValueInfo},
    tensor::Constant,
};
use crate::{
    graph::{Graph, GraphBuilder, NodeId},
    layer::Layer,
    weights::{NamedTensor, Weights},
};

/// What a value of the model is in the graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Flow {
    Node(NodeId),
    /// A vector in the graph, a map of one position in ONNX until it is flattened.
    Pooled(NodeId),
    /// Halfway through a channel shuffle: channels seen as groups, then transposed.
    Grouped {
        of: NodeId,
        groups: usize,
    },
    Swapped {
        of: NodeId,
        groups: usize,
    },
}

/// The graph that grows while the nodes are read.
pub(super) struct Import {
    pub builder: GraphBuilder,
    pub weights: Weights,
    pub constants: HashMap<String, Constant>,
    flows: HashMap<String, Flow>,
    names: HashSet<String>,
    /// What the last linear layer read and gave.
    last_linear: Option<(NodeId, NodeId)>,
}

/// Graph and weights of a model.
pub(super) fn model(model: Model) -> Result<(Graph, Weights), OnnxError> {
    let stages: Vec<(String, String)> = model
        .metadata_props
        .iter()
        .find(|entry| entry.key == STAGES)
        .and_then(|entry| serde_json::from_str(&entry.value).ok())
        .unwrap_or_default();
    let graph = model.graph.ok_or_else(|| OnnxError::Malformed("it has no graph".to_owned()))?;
    let constants = constants(&graph)?;
    let input = sole_input(&graph, &constants)?;
    let [channels, height, width] = image_shape(input)?;

    let normalisation = Normalisation::find(&graph, &input.name, &constants, channels);
    let begin = normalisation.unwrap_or_else(|| Normalisation::none(&input.name, channels));
    let (builder, x) = GraphBuilder::new(&graph.name, channels, height, width, &begin.mean, &begin.std);
    let mut import = Import {
        builder,
        weights: Weights::new(),
        constants,
        flows: HashMap::from([(begin.output, Flow::Node(x))]),
        names: HashSet::from(["input".to_owned(), "normalise".to_owned()]),
        last_linear: None,
    };
    for node in graph.node.iter().filter(|n| n.op_type != "Constant").skip(begin.operators) {
        import.operator(node).map_err(|reason| OnnxError::Operator {
            operator: node.op_type.clone(),
            node: if node.name.is_empty() { node.output.join(", ") } else { node.name.clone() },
            reason,
        })?;
    }
    import.finish(&graph.output, &stages)
}

/// Initializers and the outputs of `Constant` operators.
fn constants(graph: &GraphProto) -> Result<HashMap<String, Constant>, OnnxError> {
    let made = graph.node.iter().filter(|n| n.op_type == "Constant").filter_map(|node| {
        let tensor = node.attribute.iter().find_map(|a| a.t.as_ref())?;
        Some((node.output.first()?, tensor))
    });
    let stored = graph.initializer.iter().map(|tensor| (&tensor.name, tensor));
    stored
        .chain(made)
        .map(|(name, tensor)| match Constant::read(tensor) {
            Ok(constant) => Ok((name.clone(), constant)),
            Err(reason) => Err(OnnxError::Malformed(format!("constant {name}: {reason}"))),
        })
        .collect()
}

/// Old files list the weights among the inputs too.
fn sole_input<'a>(graph: &'a GraphProto, constants: &HashMap<String, Constant>) -> Result<&'a ValueInfo, OnnxError> {
    let inputs: Vec<&ValueInfo> = graph.input.iter().filter(|i| !constants.contains_key(&i.name)).collect();
    match inputs[..] {
        [input] => Ok(input),
        _ => Err(OnnxError::Malformed(format!("one input is needed, it has {}", inputs.len()))),
    }
}

fn image_shape(input: &ValueInfo) -> Result<[usize; 3], OnnxError> {
    let shape = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).and_then(|t| t.shape.as_ref());
    let sizes = shape.map_or_else(Vec::new, |s| s.dim.iter().map(|d| d.dim_value.unwrap_or(0)).collect());
    let fixed = match sizes[..] {
        [_, c, h, w] if c > 0 && h > 0 && w > 0 => {
            Option::zip(usize::try_from(c).ok(), Option::zip(usize::try_from(h).ok(), usize::try_from(w).ok()))
        }
        _ => None,
    };
    fixed.map(|(c, (h, w))| [c, h, w]).ok_or_else(|| {
        let name = &input.name;
        OnnxError::Malformed(format!("input {name} should be [n, channels, height, width], all but n fixed"))
    })
}

/// The subtraction and division per channel that a graph begins with.
struct Normalisation {
    mean: Vec<f32>,
    std: Vec<f32>,
    /// The value that comes out.
    output: String,
    /// How many operators it takes in the file.
    operators: usize,
}

impl Normalisation {
    fn none(input: &str, channels: usize) -> Self {
        Self { mean: vec![0.0; channels], std: vec![1.0; channels], output: input.to_owned(), operators: 0 }
    }

    /// `Sub` and `Div` with one constant a channel, if the file's first operators are these.
    fn find(graph: &GraphProto, input: &str, constants: &HashMap<String, Constant>, channels: usize) -> Option<Self> {
        let mut operators = graph.node.iter().filter(|n| n.op_type != "Constant");
        let mut step = |operator: &str, x: &str| {
            let node = operators.next().filter(|n| n.op_type == operator)?;
            let [first, second] = &node.input[..] else { return None };
            let constant =
                constants.get(second).filter(|c| first == x && c.shape.iter().product::<usize>() == channels);
            Some((constant?.floats()?.to_vec(), node.output.first()?.clone()))
        };
        let (mean, centred) = step("Sub", input)?;
        let (std, output) = step("Div", &centred)?;
        Some(Self { mean, std, output, operators: 2 })
    }
}

impl Import {
    /// The node behind an input of an operator.
    pub fn input(&self, node: &NodeProto, index: usize) -> Result<NodeId, String> {
        match self.flow(node, index)? {
            Flow::Node(id) => Ok(id),
            Flow::Pooled(_) => Err("reads a globally pooled map before it is flattened".to_owned()),
            Flow::Grouped { .. } | Flow::Swapped { .. } => Err("reads a half-finished channel shuffle".to_owned()),
        }
    }

    /// What an input of an operator is.
    pub fn flow(&self, node: &NodeProto, index: usize) -> Result<Flow, String> {
        let name = node.input.get(index).ok_or_else(|| format!("has no input {index}"))?;
        self.flows.get(name).copied().ok_or_else(|| format!("input {name} comes from no layer before it"))
    }

    /// An input that must be known before the model runs; nothing if it is left out.
    pub fn constant(&self, node: &NodeProto, index: usize) -> Result<Option<&Constant>, String> {
        match node.input.get(index).filter(|name| !name.is_empty()) {
            None => Ok(None),
            Some(name) => match self.constants.get(name) {
                Some(constant) => Ok(Some(constant)),
                None => Err(format!("input {name} is computed; it has to be a constant")),
            },
        }
    }

    /// Binds an operator's first output.
    pub fn bind(&mut self, node: &NodeProto, flow: Flow) {
        self.bind_output(node, 0, flow);
    }

    /// Binds one of an operator's outputs.
    pub fn bind_output(&mut self, node: &NodeProto, index: usize, flow: Flow) {
        if let Some(name) = node.output.get(index) {
            self.flows.insert(name.clone(), flow);
        }
    }

    /// Adds a layer and binds the operator's first output to it.
    pub fn add(&mut self, node: &NodeProto, name: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        let id = self.builder.push(name, layer, inputs);
        self.bind(node, Flow::Node(id));
        id
    }

    /// Remembers what may turn out to be the classifier.
    pub fn note_linear(&mut self, input: NodeId, output: NodeId) {
        self.last_linear = Some((input, output));
    }

    /// A name for a layer that is not taken: PyTorch's path, which its weight's name still has, or the operator's own.
    pub fn name(&mut self, node: &NodeProto) -> String {
        let module =
            node.input.get(1).filter(|i| self.constants.contains_key(*i)).and_then(|i| i.strip_suffix(".weight"));
        let own = Some(node.name.as_str()).filter(|n| !n.is_empty());
        let output = node.output.first().map(String::as_str);
        let wanted = module.or(own).or(output).unwrap_or(&node.op_type).to_owned();
        let mut name = wanted.clone();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}.{count}");
        }
        name
    }

    /// Keeps a constant as a weight of a layer.
    pub fn weight(&mut self, key: String, shape: &[usize], values: Vec<f32>) {
        self.weights.insert(key, NamedTensor { shape: shape.to_vec(), values });
    }

    fn finish(mut self, outputs: &[ValueInfo], stages: &[(String, String)]) -> Result<(Graph, Weights), OnnxError> {
        let output = |name: &str| match self.flows.get(name) {
            Some(Flow::Node(id) | Flow::Pooled(id)) => Some(*id),
            _ => None,
        };
        let named = |name: &str| outputs.iter().find(|o| o.name == name).and_then(|o| output(&o.name));
        let logits = named(LOGITS).or_else(|| outputs.first().and_then(|o| output(&o.name)));
        let logits = logits.ok_or_else(|| OnnxError::Malformed("none of its outputs is a layer's".to_owned()))?;
        let before = self.last_linear.filter(|(_, gives)| *gives == logits).map(|(reads, _)| reads);
        let features = named(FEATURES).or(before).ok_or_else(|| {
            OnnxError::Malformed(format!("no output is called {FEATURES} and the logits come from no linear layer"))
        })?;
        for (stage, layer) in stages {
            if let Some(id) = self.builder.find(layer) {
                self.builder.stage(stage, id);
            }
        }
        Ok((self.builder.finish(features, logits)?, self.weights))
    }
}
