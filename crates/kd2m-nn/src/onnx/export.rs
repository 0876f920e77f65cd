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
    layer::{Layer, Pool},
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

impl Export<'_> {
    fn layer(&mut self, id: NodeId, node: &Node) {
        let inputs: Vec<String> = node.inputs.iter().map(|i| self.value_name(*i)).collect();
        let x = inputs.first().cloned().unwrap_or_default();
        let output = self.value_name(id);
        let name = &node.name;
        let key = |suffix: &str| format!("{name}.{suffix}");
        match &node.layer {
            Layer::Input => {}
            Layer::Normalise { mean, std } => {
                let (means, stds, centred) = (key("mean"), key("std"), key("centred"));
                let shape = [mean.len(), 1, 1];
                self.constants.extend([floats(&means, &shape, mean), floats(&stds, &shape, std)]);
                self.push(&centred, "Sub", vec![x, means], &centred, vec![]);
                self.push(name, "Div", vec![centred, stds], &output, vec![]);
            }
            Layer::Conv(c) => {
                let attributes = vec![
                    ints("kernel_shape", &c.kernel),
                    ints("strides", &c.stride),
                    pads(c.padding),
                    ints("dilations", &c.dilation),
                    int("group", c.groups),
                ];
                let mut inputs = vec![x, key("weight")];
                inputs.extend(c.bias.then(|| key("bias")));
                self.push(name, "Conv", inputs, &output, attributes);
            }
            Layer::BatchNorm(b) => {
                let inputs = vec![x, key("weight"), key("bias"), key("running_mean"), key("running_var")];
                // ONNX counts momentum as the weight of the old statistics.
                let attributes = vec![float("epsilon", b.eps), float("momentum", 1.0 - b.momentum)];
                self.push(name, "BatchNormalization", inputs, &output, attributes);
            }
            Layer::Linear(l) => {
                let mut inputs = vec![x, key("weight")];
                inputs.extend(l.bias.then(|| key("bias")));
                self.push(name, "Gemm", inputs, &output, vec![int("transB", 1)]);
            }
            Layer::Relu => self.push(name, "Relu", inputs, &output, vec![]),
            Layer::Relu6 => {
                let (low, high) = (key("min"), key("max"));
                self.constants.extend([floats(&low, &[], &[0.0]), floats(&high, &[], &[6.0])]);
                self.push(name, "Clip", vec![x, low, high], &output, vec![]);
            }
            Layer::Add => self.push(name, "Add", inputs, &output, vec![]),
            Layer::Concat => self.push(name, "Concat", inputs, &output, vec![int("axis", 1)]),
            Layer::Slice { start, len } => {
                let (starts, ends, axes) = (key("starts"), key("ends"), key("axes"));
                self.constants.extend([
                    integers(&starts, &[*start as i64]),
                    integers(&ends, &[(start + len) as i64]),
                    integers(&axes, &[1]),
                ]);
                self.push(name, "Slice", vec![x, starts, ends, axes], &output, vec![]);
            }
            Layer::MaxPool(pool) => self.push(name, "MaxPool", inputs, &output, window(pool)),
            Layer::AvgPool(pool) => {
                let mut attributes = window(pool);
                attributes.push(int("count_include_pad", 1));
                self.push(name, "AveragePool", inputs, &output, attributes);
            }
            Layer::GlobalAvgPool => {
                let pooled = key("pooled");
                self.push(name, "GlobalAveragePool", inputs, &pooled, vec![]);
                self.push(&key("flatten"), "Flatten", vec![pooled], &output, vec![int("axis", 1)]);
            }
            Layer::Flatten => self.push(name, "Flatten", inputs, &output, vec![int("axis", 1)]),
            Layer::ChannelShuffle { groups } => self.shuffle(name, x, &output, *groups, node.shape),
        }
    }

    /// Channels seen as a table of groups, transposed, and read as a row again.
    fn shuffle(&mut self, name: &str, x: String, output: &str, groups: usize, shape: Shape) {
        let [table, row, grouped, swapped] = ["table", "row", "grouped", "swapped"].map(|s| format!("{name}.{s}"));
        let positions = &axes(shape)[1..];
        let head = [-1, groups as i64, (shape.channels() / groups) as i64];
        let order: Vec<usize> = [0, 2, 1].into_iter().chain(3..3 + positions.len()).collect();
        self.constants.push(integers(&table, &[&head, positions].concat()));
        self.constants.push(integers(&row, &[&[-1, shape.channels() as i64], positions].concat()));
        self.push(&grouped, "Reshape", vec![x, table], &grouped, vec![]);
        self.push(&swapped, "Transpose", vec![grouped], &swapped, vec![ints("perm", &order)]);
        self.push(name, "Reshape", vec![swapped, row], output, vec![]);
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

    fn push(&mut self, name: &str, operator: &str, input: Vec<String>, output: &str, attribute: Vec<Attribute>) {
        self.nodes.push(NodeProto {
            input,
            output: vec![output.to_owned()],
            name: name.to_owned(),
            op_type: operator.to_owned(),
            attribute,
            domain: String::new(),
        });
    }
}

fn window(pool: &Pool) -> Vec<Attribute> {
    vec![ints("kernel_shape", &pool.kernel), ints("strides", &pool.stride), pads(pool.padding)]
}

/// Begin of both axes, then their ends.
fn pads([h, w]: [usize; 2]) -> Attribute {
    ints("pads", &[h, w, h, w])
}

fn ints(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|v| *v as i64).collect();
    Attribute { name: name.to_owned(), ints, r#type: ATTRIBUTE_INTS, ..Attribute::default() }
}

fn int(name: &str, value: usize) -> Attribute {
    Attribute { name: name.to_owned(), i: Some(value as i64), r#type: ATTRIBUTE_INT, ..Attribute::default() }
}

fn float(name: &str, value: f32) -> Attribute {
    Attribute { name: name.to_owned(), f: Some(value), r#type: ATTRIBUTE_FLOAT, ..Attribute::default() }
}
