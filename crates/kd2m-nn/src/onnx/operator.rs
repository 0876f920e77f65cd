//! One operator of a model as a layer's file reads it.

use super::{
    attributes::Attributes,
    proto::NodeProto,
    values::{Flow, Values},
};
use crate::{parameter::NodeId, shape::Shape, weights::NamedTensor};

/// Shape and numbers of a constant.
pub(crate) type Numbers = (Vec<usize>, Vec<f32>);

/// An operator, what it reads, and what a layer that it turns out to be takes of it.
#[derive(Clone)]
pub(crate) struct Operator<'v, 'a> {
    pub values: &'v Values,
    pub node: &'a NodeProto,
    pub attributes: Attributes<'a>,
    /// Which of its outputs is read; most have one.
    pub output: usize,
    /// Tensors of the layer, by PyTorch's names within it.
    pub tensors: Vec<(&'static str, NamedTensor)>,
    /// The nodes that the layer reads, where these are not what its computed inputs are.
    pub reads: Option<Vec<NodeId>>,
    /// Zeros that are put around the map first: above, left, below, right.
    pub zeros: Option<[usize; 4]>,
    /// Axes of length one behind the vector that it gives, as those of a pooled map.
    pub ones: usize,
    /// What the operator's output is of the layer's.
    pub gives: fn(NodeId) -> Flow,
    /// Outputs of later operators that the layer does too; the last of them is what it gives.
    pub takes_in: Vec<String>,
}

impl<'v, 'a> Operator<'v, 'a> {
    /// Nothing of it is taken yet.
    pub fn new(values: &'v Values, node: &'a NodeProto, attributes: Attributes<'a>, output: usize) -> Self {
        Self {
            values,
            node,
            attributes,
            output,
            tensors: Vec::new(),
            reads: None,
            zeros: None,
            ones: 0,
            gives: Flow::Node,
            takes_in: Vec::new(),
        }
    }

    /// Lets a layer of each value alone read a pooled map before it is flattened, which is a vector, and so is what it gives; and a map
    /// with its channels last.
    pub fn reads_each_alone(&mut self) {
        match self.values.flow(self.node, 0) {
            Ok(Flow::Pooled { of, ones }) => (self.reads, self.ones) = (Some(vec![of]), ones),
            Ok(Flow::ChannelsLast(of)) => (self.reads, self.gives) = (Some(vec![of]), Flow::ChannelsLast),
            _ => {}
        }
    }

    /// The shape of an input that a layer gives.
    pub fn shape(&self, index: usize) -> Result<Shape, String> {
        Ok(self.values.shapes[self.values.input(self.node, index)?.0])
    }

    /// The sizes of one image of the first input in ONNX.
    pub fn dims(&self) -> Result<Vec<usize>, String> {
        Ok(self.values.dims(Flow::Node(self.values.input(self.node, 0)?)))
    }

    /// Height and width of the map that it reads.
    pub fn map(&self) -> Result<[usize; 2], String> {
        match self.shape(0)? {
            Shape::Map { height, width, .. } => Ok([height, width]),
            Shape::Vector(length) => Err(format!("reads a vector of {length} where a map is needed")),
            tokens @ Shape::Tokens { .. } => Err(format!("reads {tokens} where a map is needed")),
        }
    }

    /// The shape and numbers of an input that is a weight.
    pub fn floats(&self, index: usize, what: &str) -> Result<Numbers, String> {
        self.optional_floats(index, what)?.ok_or_else(|| format!("needs a {what}"))
    }

    /// The same of an input that may be left out.
    pub fn optional_floats(&self, index: usize, what: &str) -> Result<Option<Numbers>, String> {
        let Some(constant) = self.values.constant(self.node, index)? else { return Ok(None) };
        let values = constant.floats().ok_or_else(|| format!("{what} is of a type that is not read"))?;
        Ok(Some((constant.shape.clone(), values.to_vec())))
    }

    /// A list of whole numbers: an attribute, or since later opsets an input.
    pub fn integers(&mut self, name: &str, index: usize) -> Result<Option<Vec<i64>>, String> {
        match self.attributes.ints(name)? {
            Some(values) => Ok(Some(values.to_vec())),
            None if self.node.input.get(index).is_some_and(|input| !input.is_empty()) => {
                self.values.integers(self.node, index, name).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Keeps numbers as a tensor of the layer.
    pub fn keep(&mut self, name: &'static str, shape: Vec<usize>, values: Vec<f32>) {
        self.tensors.push((name, NamedTensor { shape, values }));
    }

    /// Keeps an input that is a vector of this length.
    pub fn keep_vector(&mut self, name: &'static str, index: usize, length: usize) -> Result<(), String> {
        let (shape, values) = self.floats(index, name)?;
        if shape != [length] {
            return Err(format!("{name} should be [{length}] but is {shape:?}"));
        }
        self.keep(name, shape, values);
        Ok(())
    }

    /// The operator of this kind that alone reads another one's value, if nothing about it is out of the ordinary: a layer may do it too.
    pub fn next(&self, after: &NodeProto, kind: &str) -> Option<&'v NodeProto> {
        let plain = |next: &&NodeProto| {
            next.op_type == kind
                && next.output.len() == 1
                && next.attribute.is_empty()
                && next.domain == self.node.domain
        };
        self.values.sole_reader(after.output.first()?).filter(plain)
    }

    /// An error if an output beside the first is read.
    pub fn sole_output(&self, others: &str) -> Result<(), String> {
        match self.node.output.iter().skip(1).all(|name| name.is_empty()) {
            true => Ok(()),
            false => Err(format!("{others} not a layer")),
        }
    }
}
