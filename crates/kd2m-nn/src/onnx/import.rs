//! An ONNX model as a graph: what holds the walk over its nodes together. What each operator means is in [`super::operators`].

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

use super::{
    error::OnnxError,
    names::{FEATURES, LOGITS, STAGES},
    normalisation::Normalisation,
    proto::{BFLOAT16, DOUBLE, FLOAT, FLOAT16, GraphProto, Model, NodeProto, ValueInfo},
    tensor::Constant,
    values::{Flow, STRUNG, Values},
};
use crate::{
    graph::{Graph, GraphBuilder, NodeId, Shape},
    layer::Layer,
    weights::Weights,
};

/// Attributes of older versions mean other things.
const OLDEST_OPSET: i64 = 7;

/// Values that an error lists.
const SHOWN: usize = 12;

/// The graph that grows while the nodes are read.
pub(super) struct Import {
    pub builder: GraphBuilder,
    pub values: Values,
    /// First outputs of operators that another one has taken in.
    pub taken_in: HashSet<String>,
    pub weights: Weights,
    /// What a person should know of what was read, a sentence each.
    pub notes: Vec<String>,
    names: HashSet<String>,
    /// What the linear layers read and gave.
    linear: Vec<(NodeId, NodeId)>,
}

/// A model as a graph.
pub(super) struct Read {
    pub graph: Graph,
    pub weights: Weights,
    pub notes: Vec<String>,
}

/// Graph and weights of a model; `features` names the value that is the features, `named` the values that are stages.
///
/// A network in channels_last for any number of images strings the numbers of all of them together and picks each image's by their
/// number. It is read for two and for three images: what is the same graph for both does not depend on how many there are.
pub(super) fn model(model: Model, features: Option<&str>, named: &BTreeMap<String, String>) -> Result<Read, OnnxError> {
    let why = match read(&model, features, named, None) {
        Err(why) if why.is_because(STRUNG) => why,
        found => return found,
    };
    match [2, 3].map(|images| read(&model, features, named, Some(images))) {
        [Ok(two), Ok(three)] if two.graph == three.graph && two.weights == three.weights => Ok(two),
        _ => Err(why),
    }
}

/// The same where the number of images is what the file says, or `images`.
fn read(
    model: &Model,
    features: Option<&str>,
    named: &BTreeMap<String, String>,
    images: Option<i64>,
) -> Result<Read, OnnxError> {
    let stages: Vec<(String, String)> = model
        .metadata_props
        .iter()
        .find(|entry| entry.key == STAGES)
        .and_then(|entry| serde_json::from_str(&entry.value).ok())
        .unwrap_or_default();
    let opset =
        model.opset_import.iter().find(|set| matches!(set.domain.as_str(), "" | "ai.onnx")).map(|set| set.version);
    let graph = model.graph.as_ref().ok_or_else(|| OnnxError::Malformed("it has no graph".to_owned()))?;
    if opset.is_none_or(|version| version < OLDEST_OPSET) {
        let found = opset.map_or("unknown".to_owned(), |version| version.to_string());
        return Err(OnnxError::Unsuitable(format!(
            "its opset is {found}, read are those from {OLDEST_OPSET} on: export it again, or convert it with onnx.version_converter"
        )));
    }
    let constants = constants(graph)?;
    let input = sole_input(graph, &constants)?;
    let (batch, shape) = image_shape(input)?;
    let begin = Normalisation::find(graph, &input.name, &constants, shape)?;
    let [channels, height, width] = shape;
    let (builder, x) = GraphBuilder::new(&graph.name, channels, height, width, &begin.mean, &begin.std);
    let mut values = Values::of(graph, constants, batch.or(images));
    values.counted = images.is_some();
    values.shapes = vec![builder.shape(NodeId(0)), builder.shape(x)];
    values.flows.insert(begin.output, Flow::Node(x));
    // The images themselves have a shape only, unless nothing normalises them.
    values.flows.entry(input.name.clone()).or_insert(Flow::Node(NodeId(0)));
    let mut import = Import {
        builder,
        values,
        taken_in: begin.operators.into_iter().collect(),
        weights: Weights::new(),
        notes: Vec::new(),
        names: HashSet::from(["input".to_owned(), "normalise".to_owned()]),
        linear: Vec::new(),
    };
    for node in graph.node.iter().filter(|n| n.op_type != "Constant") {
        import.operator(node).map_err(|reason| OnnxError::operator(node, reason))?;
    }
    for (stage, value) in named {
        let at = import.map_of(value)?;
        import.builder.stage(stage, at);
    }
    // What is named goes before what the file says.
    let stages: Vec<_> = stages.into_iter().filter(|(stage, _)| !named.contains_key(stage)).collect();
    import.finish(&graph.output, &stages, features)
}

/// Initializers and the outputs of `Constant` operators.
pub(super) fn constants(graph: &GraphProto) -> Result<HashMap<String, Constant>, OnnxError> {
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
pub(super) fn sole_input<'a>(
    graph: &'a GraphProto,
    constants: &HashMap<String, Constant>,
) -> Result<&'a ValueInfo, OnnxError> {
    let inputs: Vec<&ValueInfo> = graph.input.iter().filter(|i| !constants.contains_key(&i.name)).collect();
    match inputs[..] {
        [input] => Ok(input),
        _ => Err(OnnxError::Unsuitable(format!("one input is needed, it has {}", inputs.len()))),
    }
}

/// The number of images where it is fixed, and the shape of one.
pub(super) fn image_shape(input: &ValueInfo) -> Result<(Option<i64>, [usize; 3]), OnnxError> {
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
    /// Adds a layer and binds one of the operator's outputs to it.
    pub fn add(&mut self, node: &NodeProto, output: usize, layer: Layer, inputs: &[NodeId]) -> (NodeId, String) {
        let name = self.name(node);
        let linear = matches!(layer, Layer::Linear(_));
        let id = self.builder.push(&name, layer, inputs);
        self.values.shapes.push(self.builder.shape(id));
        self.values.bind(node, output, Flow::Node(id));
        if linear {
            // It may turn out to be the classifier.
            self.linear.push((inputs[0], id));
        }
        (id, name)
    }

    /// Zeros around a map.
    pub fn zeros(&mut self, node: &NodeProto, around: [usize; 4], inputs: &[NodeId]) -> NodeId {
        let own = self.name(node);
        // The layer that reads it has the name of its tensors.
        self.names.remove(&own);
        let name = format!("{own}.zeros");
        self.names.insert(name.clone());
        let id = self.builder.push(&name, Layer::Pad { around }, inputs);
        self.values.shapes.push(self.builder.shape(id));
        id
    }

    /// A name for a layer that is not taken: PyTorch's path, which its weight's name still has, or the operator's own.
    fn name(&mut self, node: &NodeProto) -> String {
        let module = node
            .input
            .get(1)
            .filter(|i| self.values.constants.contains_key(*i))
            .and_then(|i| i.strip_suffix(".weight"));
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

    fn finish(
        mut self,
        outputs: &[ValueInfo],
        stages: &[(String, String)],
        features: Option<&str>,
    ) -> Result<Read, OnnxError> {
        let output = |name: &str| match self.values.flows.get(name) {
            Some(Flow::Node(id) | Flow::Pooled { of: id, .. }) => Some(*id),
            _ => None,
        };
        let named = |name: &str| outputs.iter().find(|o| o.name == name).and_then(|o| output(&o.name));
        let logits = named(LOGITS).or_else(|| outputs.first().and_then(|o| output(&o.name)));
        let logits = logits.ok_or_else(|| OnnxError::Unsuitable("none of its outputs is a layer's".to_owned()))?;
        let before = self.linear.iter().find(|(_, gives)| *gives == logits).map(|(reads, _)| *reads);
        let features = match features {
            Some(name) => self.vector_of(name)?,
            None => named(FEATURES).or(before).ok_or_else(|| OnnxError::NoClassifier {
                logits: outputs.first().map_or_else(String::new, |output| output.name.clone()),
                candidates: self.vectors(),
            })?,
        };
        for (stage, layer) in stages {
            if let Some(id) = self.builder.find(layer) {
                self.builder.stage(stage, id);
            }
        }
        Ok(Read { graph: self.builder.finish(features, logits)?, weights: self.weights, notes: self.notes })
    }

    /// The node of a value that is a map, or of the map that its tokens were.
    fn map_of(&mut self, name: &str) -> Result<NodeId, OnnxError> {
        match self.values.flows.get(name) {
            Some(Flow::Node(id)) if matches!(self.values.shapes[id.0], Shape::Map { .. }) => Ok(*id),
            Some(Flow::Node(id)) if matches!(self.values.shapes[id.0], Shape::Tokens { .. }) => {
                Ok(self.builder.places(*id))
            }
            found => {
                let what = if found.is_some() { "is no map" } else { "is no value that a layer gives" };
                Err(OnnxError::Unsuitable(format!("`{name}` {what}: the last map of each size is {}", self.maps())))
            }
        }
    }

    /// The last value of each size of maps, from the input on.
    fn maps(&self) -> String {
        let mut last: BTreeMap<Reverse<usize>, (NodeId, &str)> = BTreeMap::new();
        for (name, flow) in &self.values.flows {
            if let Flow::Node(id) = flow
                && let Shape::Map { height, width, .. } = self.values.shapes[id.0]
            {
                let own = (*id, name.as_str());
                let found = last.entry(Reverse(height * width)).or_insert(own);
                *found = own.max(*found);
            }
        }
        let shown = |(id, name): (NodeId, &str)| format!("{name} ({})", self.values.shapes[id.0]);
        last.into_values().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// The node of a value that is one vector an image.
    fn vector_of(&self, name: &str) -> Result<NodeId, OnnxError> {
        match self.values.flows.get(name) {
            Some(Flow::Node(id) | Flow::Pooled { of: id, .. }) if self.is_vector(*id) => Ok(*id),
            found => {
                let what = if found.is_some() { "is no vector" } else { "is no value that a layer gives" };
                Err(OnnxError::Unsuitable(format!("`{name}` {what}: features can be {}", self.vectors())))
            }
        }
    }

    fn is_vector(&self, id: NodeId) -> bool {
        matches!(self.values.shapes[id.0], Shape::Vector(_))
    }

    /// The values that can be features, the last ones first.
    fn vectors(&self) -> String {
        let mut all: Vec<(NodeId, &str)> = Vec::new();
        for (name, flow) in &self.values.flows {
            if let Flow::Node(id) | Flow::Pooled { of: id, .. } = flow
                && self.is_vector(*id)
            {
                all.push((*id, name));
            }
        }
        all.sort_by(|a, b| b.cmp(a));
        let names: Vec<&str> = all.iter().map(|(_, name)| *name).take(SHOWN).collect();
        if names.is_empty() { "none: no layer gives a vector".to_owned() } else { names.join(", ") }
    }
}
