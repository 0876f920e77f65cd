//! A graph as an ONNX model: one operator a layer, or the few that together do what the layer does.

use super::{
    names::{FEATURES, IMAGES, LOGITS, STAGES},
    proto::{
        ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS, Attribute, Dimension, Entry, FLOAT, GraphProto, Model,
        NodeProto, OperatorSet, Tensor, TensorShape, TensorType, Type, ValueInfo,
    },
    tensor::{floats, integers},
};
use crate::{
    graph::{Graph, Node, NodeId, Shape},
    layer::Tensor as LayerTensor,
    weights::Weights,
};

const OPSET: i64 = 17;
/// The file format's version that goes with this opset.
const IR_VERSION: i64 = 8;

/// The model of a graph whose weights fit it.
pub(super) fn model(graph: &Graph, weights: &Weights) -> Model {
    let mut export = Export { graph, nodes: Vec::new(), constants: Vec::new() };
    for (index, node) in graph.nodes().iter().enumerate() {
        export.layer(NodeId(index), node);
    }
    let parameters = weights.iter().map(|(key, tensor)| floats(key, &tensor.shape, &tensor.values));
    export.constants.extend(parameters);
    let input_shape = graph.input_shape();
    let outputs = [(FEATURES, graph.features()), (LOGITS, graph.logits())];
    let stages: Vec<(&str, &str)> =
        graph.stages().iter().map(|(name, id)| (name.as_str(), graph.node(*id).name.as_str())).collect();
    Model {
        ir_version: IR_VERSION,
        producer_name: "kd2m".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: vec![Entry {
            key: STAGES.to_owned(),
            // A list of pairs of text always has a JSON form.
            value: serde_json::to_string(&stages).unwrap_or_default(),
        }],
        graph: Some(GraphProto {
            name: graph.name.clone(),
            node: export.nodes,
            initializer: export.constants,
            input: vec![value(IMAGES, input_shape)],
            output: outputs.map(|(name, id)| value(name, graph.node(id).shape)).to_vec(),
        }),
    }
}

/// A value of one entry a sample, for any number of samples.
fn value(name: &str, shape: Shape) -> ValueInfo {
    let samples = Dimension { dim_value: None, dim_param: Some("n".to_owned()) };
    let sizes = axes(shape).into_iter().map(|size| Dimension { dim_value: Some(size), dim_param: None });
    let shape = TensorShape { dim: std::iter::once(samples).chain(sizes).collect() };
    let tensor_type = Some(TensorType { elem_type: FLOAT, shape: Some(shape) });
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type }) }
}

fn axes(shape: Shape) -> Vec<i64> {
    match shape {
        Shape::Map { channels, height, width } => vec![channels as i64, height as i64, width as i64],
        Shape::Vector(length) => vec![length as i64],
    }
}

struct Export<'a> {
    graph: &'a Graph,
    nodes: Vec<NodeProto>,
    constants: Vec<Tensor>,
}

impl<'a> Export<'a> {
    fn layer(&mut self, id: NodeId, node: &'a Node) {
        node.layer.write(&mut Writer { export: self, id, node });
    }

    /// Values are called like their nodes, but for the file's own three names.
    fn value_name(&self, id: NodeId) -> String {
        let name = &self.graph.node(id).name;
        match id {
            NodeId(0) => IMAGES.to_owned(),
            id if id == self.graph.logits() => LOGITS.to_owned(),
            id if id == self.graph.features() => FEATURES.to_owned(),
            _ if [IMAGES, FEATURES, LOGITS].contains(&name.as_str()) => format!("{name}.value"),
            _ => name.clone(),
        }
    }
}

/// What a layer writes its operators with.
pub(crate) struct Writer<'w, 'a> {
    export: &'w mut Export<'a>,
    id: NodeId,
    node: &'a Node,
}

impl Writer<'_, '_> {
    /// The layer's name.
    pub fn name(&self) -> String {
        self.node.name.clone()
    }

    /// A name within the layer, as those of its tensors are.
    pub fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.node.name)
    }

    /// The values that the layer reads.
    pub fn inputs(&self) -> Vec<String> {
        self.node.inputs.iter().map(|id| self.export.value_name(*id)).collect()
    }

    /// The first of them.
    pub fn input(&self) -> String {
        self.inputs().into_iter().next().unwrap_or_default()
    }

    /// The first of them, and the layer's tensors.
    pub fn input_and(&self, tensors: Vec<LayerTensor>) -> Vec<String> {
        let tensors = tensors.into_iter().map(|(suffix, ..)| self.key(suffix));
        std::iter::once(self.input()).chain(tensors).collect()
    }

    /// The value that the layer gives.
    pub fn output(&self) -> String {
        self.export.value_name(self.id)
    }

    /// The sizes of one sample of its output.
    pub fn sizes(&self) -> Vec<i64> {
        axes(self.node.shape)
    }

    /// Keeps numbers as a constant of the layer; its name.
    pub fn floats(&mut self, suffix: &str, shape: &[usize], values: &[f32]) -> String {
        let name = self.key(suffix);
        self.export.constants.push(floats(&name, shape, values));
        name
    }

    /// The same for a list of whole numbers.
    pub fn integers(&mut self, suffix: &str, values: &[i64]) -> String {
        let name = self.key(suffix);
        self.export.constants.push(integers(&name, values));
        name
    }

    /// An operator whose value only the layer itself reads; both have this name within the layer. The value's name.
    pub fn part(&mut self, suffix: &str, operator: &str, input: Vec<String>, attributes: Vec<Attribute>) -> String {
        let name = self.key(suffix);
        self.push(name.clone(), operator, input, &name, attributes);
        name
    }

    /// The operator that gives the layer's value, and has its name.
    pub fn last(&mut self, operator: &str, input: Vec<String>, attributes: Vec<Attribute>) {
        let (name, output) = (self.name(), self.output());
        self.push(name, operator, input, &output, attributes);
    }

    /// Any operator.
    pub fn push(&mut self, name: String, operator: &str, input: Vec<String>, output: &str, attribute: Vec<Attribute>) {
        self.export.nodes.push(NodeProto {
            input,
            output: vec![output.to_owned()],
            name,
            op_type: operator.to_owned(),
            attribute,
            domain: String::new(),
        });
    }
}

/// Zeros before height and width, then behind them.
pub(crate) fn pads([h, w]: [usize; 2]) -> Attribute {
    ints("pads", &[h, w, h, w])
}

/// An attribute that is a list of whole numbers.
pub(crate) fn ints(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|v| *v as i64).collect();
    Attribute { name: name.to_owned(), ints, r#type: ATTRIBUTE_INTS, ..Attribute::default() }
}

/// One that is a whole number.
pub(crate) fn int(name: &str, value: usize) -> Attribute {
    Attribute { name: name.to_owned(), i: Some(value as i64), r#type: ATTRIBUTE_INT, ..Attribute::default() }
}

/// One that is a number.
pub(crate) fn float(name: &str, value: f32) -> Attribute {
    Attribute { name: name.to_owned(), f: Some(value), r#type: ATTRIBUTE_FLOAT, ..Attribute::default() }
}
