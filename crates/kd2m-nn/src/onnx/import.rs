//! An ONNX model as a graph: what holds the walk over its nodes together. What each operator means is in [`super::operators`].

use std::collections::{HashMap, HashSet};

use super::{
    error::OnnxError,
    names::{FEATURES, LOGITS, STAGES},
    normalisation::Normalisation,
    proto::{BFLOAT16, DOUBLE, FLOAT, FLOAT16, GraphProto, Model, NodeProto, ValueInfo},
    sizes::Sizes,
    tensor::Constant,
};
use crate::{
    graph::{Graph, GraphBuilder, NodeId, Shape},
    layer::Layer,
    weights::{NamedTensor, Weights},
};

/// Attributes of older versions mean other things.
const OLDEST_OPSET: i64 = 7;

/// What a value of the model is in the graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Flow {
    Node(NodeId),
    /// A vector in the graph, followed by so many axes of length one in ONNX until it is flattened.
    Pooled {
        of: NodeId,
        ones: usize,
    },
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
pub(crate) struct Import {
    pub builder: GraphBuilder,
    pub weights: Weights,
    pub constants: HashMap<String, Constant>,
    /// Values that are sizes, or made of them.
    pub sizes: HashMap<String, Sizes>,
    /// The number of images, where the file fixes it.
    pub batch: Option<i64>,
    /// First outputs of operators that another one has taken in.
    pub taken_in: HashSet<String>,
    flows: HashMap<String, Flow>,
    names: HashSet<String>,
    /// What the linear layers read and gave.
    linear: Vec<(NodeId, NodeId)>,
    /// What reads a value; the model's outputs read it too.
    readers: HashMap<String, Vec<NodeProto>>,
    outputs: HashSet<String>,
}

/// Graph and weights of a model.
pub(crate) fn model(model: Model) -> Result<(Graph, Weights), OnnxError> {
    let stages: Vec<(String, String)> = model
        .metadata_props
        .iter()
        .find(|entry| entry.key == STAGES)
        .and_then(|entry| serde_json::from_str(&entry.value).ok())
        .unwrap_or_default();
    let opset =
        model.opset_import.iter().find(|set| matches!(set.domain.as_str(), "" | "ai.onnx")).map(|set| set.version);
    let graph = model.graph.ok_or_else(|| OnnxError::Malformed("it has no graph".to_owned()))?;
    if opset.is_none_or(|version| version < OLDEST_OPSET) {
        let found = opset.map_or("unknown".to_owned(), |version| version.to_string());
        return Err(OnnxError::Unsuitable(format!(
            "its opset is {found}, read are those from {OLDEST_OPSET} on: export it again, or convert it with onnx.version_converter"
        )));
    }
    let constants = constants(&graph)?;
    let input = sole_input(&graph, &constants)?;
    let (batch, shape) = image_shape(input)?;
    let begin = Normalisation::find(&graph, &input.name, &constants, shape)?;
    let [channels, height, width] = shape;
    let (builder, x) = GraphBuilder::new(&graph.name, channels, height, width, &begin.mean, &begin.std);
    let mut flows = HashMap::from([(begin.output, Flow::Node(x))]);
    // The images themselves have a shape only, unless nothing normalises them.
    flows.entry(input.name.clone()).or_insert(Flow::Node(NodeId(0)));
    let mut import = Import {
        builder,
        weights: Weights::new(),
        constants,
        sizes: HashMap::new(),
        batch,
        taken_in: begin.operators.into_iter().collect(),
        flows,
        names: HashSet::from(["input".to_owned(), "normalise".to_owned()]),
        linear: Vec::new(),
        readers: readers(&graph),
        outputs: graph.output.iter().map(|output| output.name.clone()).collect(),
    };
    for node in graph.node.iter().filter(|n| n.op_type != "Constant") {
        import.operator(node).map_err(|reason| OnnxError::operator(node, reason))?;
    }
    import.finish(&graph.output, &stages)
}

fn readers(graph: &GraphProto) -> HashMap<String, Vec<NodeProto>> {
    let mut readers: HashMap<String, Vec<NodeProto>> = HashMap::new();
    for node in &graph.node {
        for name in &node.input {
            readers.entry(name.clone()).or_default().push(node.clone());
        }
    }
    readers
}

/// An axis counted from 0; negative ones count from the end.
pub(crate) fn axis(given: i64, axes: usize) -> Result<usize, String> {
    let at = if given < 0 { given.saturating_add(axes as i64) } else { given };
    usize::try_from(at)
        .ok()
        .filter(|at| *at < axes)
        .ok_or_else(|| format!("{given} is not one of {axes} axes or places"))
}

/// Initializers and the outputs of `Constant` operators.
fn constants(graph: &GraphProto) -> Result<HashMap<String, Constant>, OnnxError> {
    let unreadable = |name: &str, reason: String| OnnxError::Unsuitable(format!("constant {name}: {reason}"));
    let mut all = HashMap::new();
    for tensor in &graph.initializer {
        let constant = Constant::read(tensor).map_err(|reason| unreadable(&tensor.name, reason))?;
        all.insert(tensor.name.clone(), constant);
    }
    for node in graph.node.iter().filter(|n| n.op_type == "Constant") {
        let Some(name) = node.output.first() else { continue };
        let constant = Constant::of_operator(&node.attribute).map_err(|reason| unreadable(name, reason))?;
        all.insert(name.clone(), constant);
    }
    Ok(all)
}

/// Old files list the weights among the inputs too.
fn sole_input<'a>(graph: &'a GraphProto, constants: &HashMap<String, Constant>) -> Result<&'a ValueInfo, OnnxError> {
    let inputs: Vec<&ValueInfo> = graph.input.iter().filter(|i| !constants.contains_key(&i.name)).collect();
    match inputs[..] {
        [input] => Ok(input),
        _ => Err(OnnxError::Unsuitable(format!("one input is needed, it has {}", inputs.len()))),
    }
}

/// The number of images where it is fixed, and the shape of one.
fn image_shape(input: &ValueInfo) -> Result<(Option<i64>, [usize; 3]), OnnxError> {
    let name = &input.name;
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let kind = tensor.map_or(0, |t| t.elem_type);
    if ![FLOAT, DOUBLE, FLOAT16, BFLOAT16].contains(&kind) {
        return Err(OnnxError::Unsuitable(format!(
            "input {name} has ONNX's type {kind}; pixels in 0…1 of a floating-point type are needed"
        )));
    }
    let shape = tensor.and_then(|t| t.shape.as_ref());
    let sizes = shape.map_or_else(Vec::new, |s| s.dim.iter().map(|d| d.dim_value.unwrap_or(0)).collect());
    let fixed = match sizes[..] {
        [_, c, h, w] if c > 0 && h > 0 && w > 0 => {
            Option::zip(usize::try_from(c).ok(), Option::zip(usize::try_from(h).ok(), usize::try_from(w).ok()))
        }
        _ => None,
    };
    let (c, (h, w)) = fixed.ok_or_else(|| {
        OnnxError::Unsuitable(format!("input {name} should be [n, channels, height, width], all but n fixed"))
    })?;
    Ok((Some(sizes[0]).filter(|n| *n > 0), [c, h, w]))
}

impl Import {
    /// The node behind an input of an operator.
    pub fn input(&self, node: &NodeProto, index: usize) -> Result<NodeId, String> {
        match self.flow(node, index)? {
            // The second node is the normalisation; nothing else reads the images themselves.
            Flow::Node(NodeId(0)) => Err("reads the images beside their normalisation".to_owned()),
            Flow::Node(id) => Ok(id),
            Flow::Pooled { .. } => Err("reads a globally pooled map before it is flattened".to_owned()),
            Flow::Grouped { .. } | Flow::Swapped { .. } => Err("reads a half-finished channel shuffle".to_owned()),
        }
    }

    /// What an input of an operator is.
    pub fn flow(&self, node: &NodeProto, index: usize) -> Result<Flow, String> {
        let name = node.input.get(index).ok_or_else(|| format!("has no input {index}"))?;
        self.flows.get(name).copied().ok_or_else(|| match self.constants.contains_key(name) {
            true => format!("input {name} is a constant; one that is computed is needed"),
            false => format!("input {name} comes from no layer before it"),
        })
    }

    /// The sizes of one image in ONNX.
    pub fn dims(&self, flow: Flow) -> Vec<usize> {
        let own = |id: NodeId| match self.builder.shape(id) {
            Shape::Map { channels, height, width } => vec![channels, height, width],
            Shape::Vector(length) => vec![length],
        };
        match flow {
            Flow::Node(id) => own(id),
            Flow::Pooled { of, ones } => own(of).into_iter().chain(std::iter::repeat_n(1, ones)).collect(),
            Flow::Grouped { of, groups } | Flow::Swapped { of, groups } => {
                let sizes = own(of);
                let rest = sizes[0] / groups.max(1);
                let halves = if matches!(flow, Flow::Grouped { .. }) { [groups, rest] } else { [rest, groups] };
                halves.into_iter().chain(sizes[1..].iter().copied()).collect()
            }
        }
    }

    /// The same of a value.
    ///
    /// # Errors
    /// A value that no layer gives.
    pub fn dims_of(&self, name: &str) -> Result<Vec<usize>, String> {
        let flow = self.flows.get(name).ok_or_else(|| format!("input {name} comes from no layer before it"))?;
        Ok(self.dims(*flow))
    }

    /// The only operator that reads a value, if it is no output of the model.
    pub fn sole_reader(&self, name: &str) -> Option<&NodeProto> {
        match self.readers.get(name).map(Vec::as_slice) {
            Some([reader]) if !self.outputs.contains(name) => Some(reader),
            _ => None,
        }
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

    /// Gives the value of an operator under the name of a later one too, which is taken in.
    ///
    /// # Errors
    /// An operator whose value no layer gives.
    pub fn take_in(&mut self, node: &NodeProto, output: &str) -> Result<(), String> {
        let flow = self.flow(&NodeProto { input: node.output.clone(), ..NodeProto::default() }, 0)?;
        self.flows.insert(output.to_owned(), flow);
        self.taken_in.insert(output.to_owned());
        Ok(())
    }

    /// Adds a layer and binds the operator's first output to it.
    pub fn add(&mut self, node: &NodeProto, name: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        let id = self.builder.push(name, layer, inputs);
        self.bind(node, Flow::Node(id));
        id
    }

    /// Remembers what may turn out to be the classifier.
    pub fn note_linear(&mut self, input: NodeId, output: NodeId) {
        self.linear.push((input, output));
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
            Some(Flow::Node(id) | Flow::Pooled { of: id, .. }) => Some(*id),
            _ => None,
        };
        let named = |name: &str| outputs.iter().find(|o| o.name == name).and_then(|o| output(&o.name));
        let logits = named(LOGITS).or_else(|| outputs.first().and_then(|o| output(&o.name)));
        let logits = logits.ok_or_else(|| OnnxError::Unsuitable("none of its outputs is a layer's".to_owned()))?;
        let before = self.linear.iter().find(|(_, gives)| *gives == logits).map(|(reads, _)| *reads);
        let features = named(FEATURES).or(before).ok_or_else(|| {
            let names: Vec<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
            OnnxError::Unsuitable(format!(
                "it has no classifier: no linear layer gives {} and no output is called {FEATURES}",
                names.join(", ")
            ))
        })?;
        for (stage, layer) in stages {
            if let Some(id) = self.builder.find(layer) {
                self.builder.stage(stage, id);
            }
        }
        Ok((self.builder.finish(features, logits)?, self.weights))
    }
}
