//! What each ONNX operator is: a layer, which the layers' own files say, or one that only passes a value on. Anything else is an
//! error. A reader takes the attributes that it reads out of the set, and what is left in it refuses the operator.

use std::collections::BTreeSet;

use super::{
    attributes::{Attributes, float_type},
    import::Import,
    operator::Operator,
    proto::NodeProto,
    sizes::Size,
    values::{Flow, axis},
};
use crate::{layer, parameter::key};

type Pass = fn(&mut Import, &NodeProto, &mut Attributes) -> Result<(), String>;

/// Operators that pass a value on, or change how it is laid out.
const PASSING: &[(&str, Pass)] = &[
    ("Identity", |import, node, _| import.pass_on(node)),
    ("Cast", |import, node, attributes| {
        float_type(attributes)?;
        import.pass_on(node)
    }),
    ("Dropout", Import::dropout),
    ("Expand", |import, node, _| import.expand(node)),
    ("Softmax", Import::softmax),
    ("LogSoftmax", Import::softmax),
    ("Gather", Import::gather),
    ("Flatten", Import::flatten),
    ("Squeeze", Import::squeeze),
    ("Unsqueeze", Import::unsqueeze),
    ("Reshape", Import::reshape),
    ("Transpose", Import::transpose),
];

/// All operators that are read, for whoever comes with another one.
fn known() -> String {
    let mut names: BTreeSet<&str> = layer::operators().into_iter().collect();
    names.extend(PASSING.iter().map(|(name, _)| *name));
    names.insert("Constant");
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    format!("{names}, arithmetic of sizes, and Add, Sub, Mul, Div with one constant a channel")
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
        if self.values.fold(node, &mut attributes)? || self.layers(node, &mut attributes)? {
            return attributes.finish();
        }
        match PASSING.iter().find(|(name, _)| *name == node.op_type) {
            Some((_, pass)) => pass(self, node, &mut attributes)?,
            None if matches!(node.op_type.as_str(), "Add" | "Sub" | "Mul" | "Div")
                && self.values.reads_constant(node) =>
            {
                self.affine(node)?;
            }
            None => return Err(format!("is not one that a graph has; it has {}", known())),
        }
        attributes.finish()
    }

    /// A layer for each output; false if the operator is none.
    fn layers<'a>(&mut self, node: &'a NodeProto, attributes: &mut Attributes<'a>) -> Result<bool, String> {
        let given = attributes.clone();
        for output in (0..node.output.len()).filter(|at| !node.output[*at].is_empty()) {
            let mut operator = Operator::new(&self.values, node, given.clone(), output);
            let Some(layer) = layer::read(&mut operator)? else { return Ok(false) };
            let Operator { attributes: left, tensors, reads, zeros, ones, gives, takes_in, .. } = operator;
            let mut inputs = match reads {
                Some(ids) => ids,
                None => {
                    let computed = (0..node.input.len()).filter(|at| self.values.is_computed(&node.input[*at]));
                    computed.map(|at| self.values.input(node, at)).collect::<Result<_, _>>()?
                }
            };
            if inputs.is_empty() {
                return Err("none of its inputs is computed from the images".to_owned());
            }
            *attributes = left;
            if let Some(around) = zeros {
                inputs = vec![self.zeros(node, around, &inputs)];
            }
            let (id, name) = self.add(node, output, layer, &inputs);
            let flow = match gives(id) {
                Flow::Node(of) if ones > 0 => Flow::Pooled { of, ones },
                flow => flow,
            };
            self.weights.extend(tensors.into_iter().map(|(suffix, tensor)| (key(&name, suffix), tensor)));
            self.values.bind(node, output, flow);
            for later in takes_in {
                self.values.flows.insert(later.clone(), flow);
                self.taken_in.insert(later);
            }
        }
        Ok(true)
    }

    fn pass_on(&mut self, node: &NodeProto) -> Result<(), String> {
        let flow = self.values.flow(node, 0)?;
        self.values.bind(node, 0, flow);
        Ok(())
    }

    /// A constant token repeated for each image, which is as it was in a graph.
    fn expand(&mut self, node: &NodeProto) -> Result<(), String> {
        let refused = "of what is no token, to one for each image, is not a layer";
        let token = self.values.constant(node, 0)?.cloned().ok_or("needs an input")?;
        let sizes = node.input.get(1).and_then(|name| self.values.sizes_of(name)).ok_or(refused)?;
        let (Some(output), &[1, 1, width]) = (node.output.first(), &token.shape[..]) else {
            return Err(refused.to_owned());
        };
        let [images, Size::Known(1), Size::Known(last)] = sizes.all[..] else { return Err(refused.to_owned()) };
        let each = match images {
            Size::Batch => true,
            Size::Known(count) => Some(count) == self.values.batch,
        };
        if !each || !(last == 1 || last == width as i64) {
            return Err(refused.to_owned());
        }
        self.values.constants.insert(output.clone(), token);
        Ok(())
    }

    /// Probabilities at the end are left out: losses and predictions begin with logits, which it reads.
    fn softmax(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let flow = self.values.flow(node, 0)?;
        let rank = self.values.dims(flow).len() + 1;
        let along = axis(attributes.int("axis")?.unwrap_or(-1), rank)?;
        if !node.output.first().is_some_and(|output| self.values.ends(output)) || rank != 2 || along != 1 {
            return Err("is read at the end of the model only, over its classes".to_owned());
        }
        let name = if node.name.is_empty() { node.output.join(", ") } else { node.name.clone() };
        self.notes.push(format!("{} {name} at the end is left out: logits are what it reads", node.op_type));
        self.values.bind(node, 0, flow);
        Ok(())
    }

    /// Does nothing once training is over; a file may ask to go on dropping.
    fn dropout(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        attributes.float("ratio")?;
        attributes.int("seed")?;
        let trains = match self.values.constant(node, 2)? {
            None => false,
            Some(constant) => constant.integers() != Some(&[0]),
        };
        if trains {
            return Err("training_mode other than false is not a layer".to_owned());
        }
        self.pass_on(node)
    }
}
