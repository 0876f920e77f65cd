//! What each ONNX operator is as a layer, which the layers' own files say; an operator or a setting that no layer has is an error. A
//! reader takes the attributes that it reads out of the set, and what is left in it refuses the operator.

use std::collections::BTreeSet;

use super::{
    attributes::{Attributes, float_type},
    import::Import,
    proto::NodeProto,
};
use crate::{
    graph::Shape,
    layer::{Layer, OPERATORS, Operator},
};

/// Operators that are no layer of their own: they pass a value on, or change how it is laid out.
const PASSING: &[Operator] = &[
    ("Identity", |import, node, _| import.pass_on(node)),
    ("Cast", |import, node, attributes| {
        float_type(attributes)?;
        import.pass_on(node)
    }),
    ("Dropout", |import, node, attributes| import.dropout(node, attributes)),
    ("Squeeze", |import, node, attributes| import.squeeze(node, attributes)),
    ("Reshape", |import, node, attributes| import.reshape(node, attributes)),
    ("Transpose", |import, node, attributes| import.transpose(node, attributes)),
];

/// All that is read.
fn operators() -> impl Iterator<Item = &'static Operator> {
    OPERATORS.iter().copied().flatten().chain(PASSING)
}

/// Their names, for whoever comes with another one.
fn known() -> String {
    let mut names: BTreeSet<&str> = operators().map(|(name, _)| *name).collect();
    names.insert("Constant");
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    format!("{names}, arithmetic of sizes, and Add, Sub, Mul, Div with constants on the images")
}

impl Import {
    /// Adds what one operator does.
    pub fn operator(&mut self, node: &NodeProto) -> Result<(), String> {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Err(format!("of {} is not one that a graph has", node.domain));
        }
        if node.output.first().is_some_and(|output| self.taken_in.contains(output)) {
            return Ok(());
        }
        let mut attributes = Attributes::of(node)?;
        if !self.fold(node, &mut attributes)? {
            self.layer(node, &mut attributes)?;
        }
        attributes.finish()
    }

    /// The first reader of this operator that knows what it is.
    fn layer(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        for (_, read) in operators().filter(|(name, _)| *name == node.op_type) {
            if read(self, node, attributes)? {
                return Ok(());
            }
        }
        match node.op_type.as_str() {
            "Add" | "Sub" | "Mul" | "Div" if self.reads_constant(node) => {
                Err("with a constant is a layer on the images only, or as the bias of a MatMul".to_owned())
            }
            _ => Err(format!("is not one that a graph has; it has {}", known())),
        }
    }

    /// Whether an input of an operator is known before the model runs.
    pub fn reads_constant(&self, node: &NodeProto) -> bool {
        node.input.iter().any(|name| self.constants.contains_key(name))
    }

    fn pass_on(&mut self, node: &NodeProto) -> Result<bool, String> {
        let flow = self.flow(node, 0)?;
        self.bind(node, flow);
        Ok(true)
    }

    /// Does nothing once training is over; a file may ask to go on dropping.
    fn dropout(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
        attributes.float("ratio")?;
        attributes.int("seed")?;
        let trains = match self.constant(node, 2)? {
            None => false,
            Some(constant) => constant.integers() != Some(&[0]),
        };
        if trains {
            return Err("training_mode other than false is not a layer".to_owned());
        }
        self.pass_on(node)
    }

    /// Height and width of the map that an operator reads.
    pub fn map(&self, node: &NodeProto) -> Result<[usize; 2], String> {
        match self.builder.shape(self.input(node, 0)?) {
            Shape::Map { height, width, .. } => Ok([height, width]),
            Shape::Vector(length) => Err(format!("reads a vector of {length} where a map is needed")),
        }
    }

    /// A layer of one input without tensors.
    pub fn unary(&mut self, node: &NodeProto, layer: Layer) -> Result<bool, String> {
        let x = self.input(node, 0)?;
        let name = self.name(node);
        self.add(node, &name, layer, &[x]);
        Ok(true)
    }

    /// The shape and numbers of an input that is a weight.
    pub fn floats(&self, node: &NodeProto, index: usize, what: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
        let constant = self.constant(node, index)?.ok_or_else(|| format!("needs a {what}"))?;
        let values = constant.floats().ok_or_else(|| format!("{what} is of a type that is not read"))?;
        Ok((constant.shape.clone(), values.to_vec()))
    }

    /// The same of an input that may be left out.
    pub fn optional_floats(
        &self,
        node: &NodeProto,
        index: usize,
        what: &str,
    ) -> Result<Option<(Vec<usize>, Vec<f32>)>, String> {
        if self.constant(node, index)?.is_some() { self.floats(node, index, what).map(Some) } else { Ok(None) }
    }

    /// Keeps an input that is a vector as a tensor of a layer.
    pub fn vector_weight(
        &mut self,
        node: &NodeProto,
        index: usize,
        layer: &str,
        suffix: &str,
        length: usize,
    ) -> Result<(), String> {
        let (shape, values) = self.floats(node, index, suffix)?;
        if shape != [length] {
            return Err(format!("{suffix} should be [{length}] but is {shape:?}"));
        }
        self.weight(format!("{layer}.{suffix}"), &shape, values);
        Ok(())
    }

    /// A list of numbers that is an input; what was made of sizes that are known is one too.
    pub fn integers(&self, node: &NodeProto, index: usize, what: &str) -> Result<Vec<i64>, String> {
        let name = node.input.get(index).filter(|name| !name.is_empty()).ok_or_else(|| format!("needs {what}"))?;
        match self.sizes_of(name) {
            Some(sizes) => sizes.known().ok_or_else(|| format!("{what} depends on the number of images")),
            None if self.constants.contains_key(name) => Err(format!("{what} should be a list of integers")),
            None => Err(format!("input {name} is computed; it has to be a constant")),
        }
    }
}

/// A size, a count or another number above 0.
pub(crate) fn positive(value: i64, what: &str) -> Result<usize, String> {
    usize::try_from(value).ok().filter(|v| *v > 0).ok_or_else(|| format!("{what} of {value}"))
}
