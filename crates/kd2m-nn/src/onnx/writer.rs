//! What a layer writes its ONNX operators with.

use super::{
    proto::{ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS, Attribute, NodeProto, Tensor},
    tensor::{bytes, floats, integers},
};
use crate::parameter::key;

/// The place of one layer in the file that is written.
pub(crate) struct Writer<'a> {
    /// The layer's name.
    pub name: &'a str,
    /// The values that it reads.
    pub inputs: Vec<String>,
    /// The value that it gives.
    pub output: String,
    /// The sizes of one sample of it.
    pub sizes: Vec<i64>,
    /// Of the first value that it reads.
    pub input_sizes: Vec<i64>,
    /// Of the second.
    pub second_sizes: Vec<i64>,
    pub nodes: &'a mut Vec<NodeProto>,
    pub constants: &'a mut Vec<Tensor>,
}

impl Writer<'_> {
    /// A name within the layer.
    pub fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.name)
    }

    /// The name of one of its tensors.
    pub fn tensor(&self, name: &str) -> String {
        key(self.name, name)
    }

    /// The first of the values that it reads.
    pub fn input(&self) -> String {
        self.inputs.first().cloned().unwrap_or_default()
    }

    /// The same, and the layer's tensors.
    pub fn input_and<'t>(&self, tensors: impl IntoIterator<Item = &'t str>) -> Vec<String> {
        std::iter::once(self.input()).chain(tensors.into_iter().map(|name| self.tensor(name))).collect()
    }

    /// Keeps numbers as a constant of the layer; its name.
    pub fn floats(&mut self, suffix: &str, shape: &[usize], values: &[f32]) -> String {
        let name = self.key(suffix);
        self.constants.push(floats(&name, shape, values));
        name
    }

    /// The same for a list of whole numbers.
    pub fn integers(&mut self, suffix: &str, values: &[i64]) -> String {
        let name = self.key(suffix);
        self.constants.push(integers(&name, values));
        name
    }

    /// The same for one of them, which is no list.
    pub fn number(&mut self, suffix: &str, value: i64) -> String {
        let name = self.key(suffix);
        self.constants.push(Tensor { dims: Vec::new(), ..integers(&name, &[value]) });
        name
    }

    /// The same for one signed byte.
    pub fn byte(&mut self, suffix: &str, value: i8) -> String {
        let name = self.key(suffix);
        self.constants.push(bytes(&name, &[], &[value]));
        name
    }

    /// An operator whose value only the layer itself reads; both have this name within the layer. The value's name.
    pub fn part(&mut self, suffix: &str, operator: &str, input: Vec<String>, attributes: Vec<Attribute>) -> String {
        let name = self.key(suffix);
        self.push(name.clone(), operator, input, name.clone(), attributes);
        name
    }

    /// The operator that gives the layer's value, and has its name.
    pub fn last(&mut self, operator: &str, input: Vec<String>, attributes: Vec<Attribute>) {
        self.push(self.name.to_owned(), operator, input, self.output.clone(), attributes);
    }

    /// Any operator.
    pub fn push(
        &mut self,
        name: String,
        operator: &str,
        input: Vec<String>,
        output: String,
        attribute: Vec<Attribute>,
    ) {
        self.nodes.push(NodeProto {
            input,
            output: vec![output],
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

/// The same, of either sign.
pub(crate) fn integer(name: &str, value: i64) -> Attribute {
    Attribute { name: name.to_owned(), i: Some(value), r#type: ATTRIBUTE_INT, ..Attribute::default() }
}

/// One that is a number.
pub(crate) fn float(name: &str, value: f32) -> Attribute {
    Attribute { name: name.to_owned(), f: Some(value), r#type: ATTRIBUTE_FLOAT, ..Attribute::default() }
}
