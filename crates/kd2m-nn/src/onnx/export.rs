//! A graph as an ONNX model: one operator a layer, or the few that together do what the layer does.

use std::collections::BTreeMap;

use super::{
    names::{FEATURES, IMAGES, LOGITS, Metadata, STAGES},
    proto::{
        Dimension, Entry, FLOAT, GraphProto, Model, NodeProto, OperatorSet, Tensor, TensorShape, TensorType, Type,
        ValueInfo,
    },
    tensor::{bytes, floats, words},
    writer::{Writer, int},
};
use crate::{
    graph::{Graph, Node, NodeId, Shape},
    int8::Steps,
    parameter::OWN,
    weights::{NamedTensor, Weights},
};

const OPSET: i64 = 17;
/// The file format's version that goes with this opset.
const IR_VERSION: i64 = 8;

/// The model of a graph whose weights fit it.
pub(super) fn model(graph: &Graph, weights: &Weights, steps: &BTreeMap<String, Steps>, metadata: &Metadata) -> Model {
    let mut export = Export { graph, nodes: Vec::new(), constants: Vec::new() };
    for (key, tensor) in weights {
        match steps.get(key) {
            Some(steps) => export.whole_numbers(key, tensor, steps),
            None => export.constants.push(floats(key, &tensor.shape, &tensor.values)),
        }
    }
    for (index, node) in graph.nodes().iter().enumerate() {
        export.layer(NodeId(index), node);
    }
    let input_shape = graph.input_shape();
    let outputs = [(LOGITS, graph.logits()), (FEATURES, graph.features())];
    let stages: Vec<(&str, &str)> =
        graph.stages().iter().map(|(name, id)| (name.as_str(), graph.node(*id).name.as_str())).collect();
    // A list of pairs of text always has a JSON form.
    let stages = serde_json::to_string(&stages).unwrap_or_default();
    Model {
        ir_version: IR_VERSION,
        producer_name: "kd2m".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: std::iter::once((STAGES.to_owned(), stages))
            .chain(metadata.clone())
            .map(|(key, value)| Entry { key, value })
            .collect(),
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
        Shape::Tokens { tokens, width } => vec![tokens as i64, width as i64],
    }
}

struct Export<'a> {
    graph: &'a Graph,
    nodes: Vec<NodeProto>,
    constants: Vec<Tensor>,
}

impl Export<'_> {
    /// A tensor as integers, and the operator that makes numbers of them by the step of each output.
    fn whole_numbers(&mut self, key: &str, tensor: &NamedTensor, steps: &Steps) {
        let (Steps::Weight(each) | Steps::Bias(each)) = steps;
        let row = (tensor.values.len() / each.len().max(1)).max(1);
        let whole = tensor.values.iter().enumerate().map(|(i, x)| (x / each[i / row]).round());
        let [bits, step] = ["int8", "step"].map(|part| format!("{key}.{part}"));
        let mut input = vec![bits.clone(), step.clone()];
        let tensor = match steps {
            Steps::Weight(_) => {
                input.push(self.zeros(each.len()));
                bytes(&bits, &tensor.shape, &whole.map(|q| q as i8).collect::<Vec<_>>())
            }
            // Of 32 bits, for which the format has no zero point.
            Steps::Bias(_) => words(&bits, &tensor.shape, &whole.map(|q| q as i32).collect::<Vec<_>>()),
        };
        self.constants.extend([tensor, floats(&step, &[each.len()], each)]);
        self.nodes.push(NodeProto {
            input,
            output: vec![key.to_owned()],
            name: format!("{key}.number"),
            op_type: "DequantizeLinear".to_owned(),
            attribute: vec![int("axis", 0)],
            domain: String::new(),
        });
    }

    /// So many zero points: one constant for all weights of as many outputs.
    fn zeros(&mut self, count: usize) -> String {
        let name = format!("zeros.{count}");
        if !self.constants.iter().any(|constant| constant.name == name) {
            self.constants.push(bytes(&name, &[count], &vec![0; count]));
        }
        name
    }

    fn layer(&mut self, id: NodeId, node: &Node) {
        node.layer.write(&mut Writer {
            name: &node.name,
            inputs: node.inputs.iter().map(|id| self.value_name(*id)).collect(),
            output: self.value_name(id),
            sizes: axes(node.shape),
            input_sizes: node.inputs.first().map_or_else(Vec::new, |id| axes(self.graph.node(*id).shape)),
            second_sizes: node.inputs.get(1).map_or_else(Vec::new, |id| axes(self.graph.node(*id).shape)),
            nodes: &mut self.nodes,
            constants: &mut self.constants,
        });
    }

    /// Values are called like their nodes, but for the file's own three names.
    fn value_name(&self, id: NodeId) -> String {
        let name = &self.graph.node(id).name;
        match id {
            NodeId(0) => IMAGES.to_owned(),
            id if id == self.graph.logits() => LOGITS.to_owned(),
            id if id == self.graph.features() => FEATURES.to_owned(),
            _ if [IMAGES, FEATURES, LOGITS].contains(&name.as_str()) => format!("{name}.value"),
            // Its tensor has the layer's name.
            id if self.graph.node(id).layer.tensors().iter().any(|tensor| tensor.0 == OWN) => format!("{name}.value"),
            _ => name.clone(),
        }
    }
}
