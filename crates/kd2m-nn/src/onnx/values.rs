//! What is known of a model's values while it is read: constants, sizes, and those that layers give.

use std::collections::{HashMap, HashSet};

use super::{
    proto::{GraphProto, NodeProto},
    sizes::Sizes,
    tensor::Constant,
};
use crate::{parameter::NodeId, shape::Shape};

/// What is said of a network in channels_last that cannot be read.
pub(crate) const STRUNG: &str = "strings the numbers of all images together, as PyTorch writes a network in channels_last: export it for one \
                                 image (without dynamic_shapes), or after model.to(memory_format=torch.contiguous_format)";

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
    /// A map whose rows are one after another, `[n, c, h·w]`: halfway to tokens.
    Places(NodeId),
    /// The numbers of all images that the file is for in a row: halfway through a flatten of PyTorch's channels_last.
    Strung(NodeId),
    /// A map with its channels behind, `[n, h, w, c]`, or a pooled one, `[n, 1, 1, c]`.
    ChannelsLast(NodeId),
}

/// All values so far, and who reads them.
pub(crate) struct Values {
    pub constants: HashMap<String, Constant>,
    /// Values that are sizes, or made of them.
    pub sizes: HashMap<String, Sizes>,
    /// The number of images, where the file fixes it.
    pub batch: Option<i64>,
    /// Whether the file does not and is read for that many all the same.
    pub counted: bool,
    pub flows: HashMap<String, Flow>,
    /// Of the graph's nodes so far.
    pub shapes: Vec<Shape>,
    /// What reads a value; the model's outputs read it too.
    pub readers: HashMap<String, Vec<NodeProto>>,
    outputs: HashSet<String>,
}

/// An axis counted from 0; negative ones count from the end.
pub(crate) fn axis(given: i64, axes: usize) -> Result<usize, String> {
    let at = if given < 0 { given.saturating_add(axes as i64) } else { given };
    usize::try_from(at)
        .ok()
        .filter(|at| *at < axes)
        .ok_or_else(|| format!("{given} is not one of {axes} axes or places"))
}

/// A size, a count or another number above 0.
pub(crate) fn positive(value: i64, what: &str) -> Result<usize, String> {
    usize::try_from(value).ok().filter(|v| *v > 0).ok_or_else(|| format!("{what} of {value}"))
}

impl Values {
    /// The constants of a graph, before any operator was read.
    pub fn of(graph: &GraphProto, constants: HashMap<String, Constant>, batch: Option<i64>) -> Self {
        let mut readers: HashMap<String, Vec<NodeProto>> = HashMap::new();
        for node in &graph.node {
            for name in &node.input {
                readers.entry(name.clone()).or_default().push(node.clone());
            }
        }
        Self {
            constants,
            sizes: HashMap::new(),
            batch,
            counted: false,
            flows: HashMap::new(),
            shapes: Vec::new(),
            readers,
            outputs: graph.output.iter().map(|output| output.name.clone()).collect(),
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

    /// The node behind an input of an operator.
    pub fn input(&self, node: &NodeProto, index: usize) -> Result<NodeId, String> {
        match self.flow(node, index)? {
            // The second node is the normalisation; nothing else reads the images themselves.
            Flow::Node(NodeId(0)) => Err("reads the images beside their normalisation".to_owned()),
            Flow::Node(id) => Ok(id),
            Flow::Pooled { .. } => Err("reads a globally pooled map before it is flattened".to_owned()),
            Flow::Grouped { .. } | Flow::Swapped { .. } => Err("reads a half-finished channel shuffle".to_owned()),
            Flow::Strung(_) => Err("reads a half-finished flatten".to_owned()),
            Flow::Places(_) => Err("reads places of a map before they are transposed to tokens".to_owned()),
            Flow::ChannelsLast(_) => {
                Err("reads a map with its channels last; only layers of each place alone do".to_owned())
            }
        }
    }

    /// The sizes of one image in ONNX.
    pub fn dims(&self, flow: Flow) -> Vec<usize> {
        let own = |id: NodeId| match self.shapes[id.0] {
            Shape::Map { channels, height, width } => vec![channels, height, width],
            Shape::Vector(length) => vec![length],
            Shape::Tokens { tokens, width } => vec![tokens, width],
        };
        match flow {
            Flow::Node(id) | Flow::Strung(id) => own(id),
            Flow::Pooled { of, ones } => own(of).into_iter().chain(std::iter::repeat_n(1, ones)).collect(),
            Flow::Places(of) => {
                let sizes = own(of);
                vec![sizes[0], sizes[1..].iter().product()]
            }
            Flow::ChannelsLast(of) => match own(of)[..] {
                [channels, height, width] => vec![height, width, channels],
                // A pooled map is one of one place.
                ref vector => [&[1, 1], vector].concat(),
            },
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

    /// Whether a value is an output of the model that nothing else reads.
    pub fn ends(&self, name: &str) -> bool {
        self.outputs.contains(name) && !self.readers.contains_key(name)
    }

    /// Whether a value is an output of the model.
    pub fn is_output(&self, name: &str) -> bool {
        self.outputs.contains(name)
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

    /// Whether only a run tells a value.
    pub fn is_computed(&self, name: &str) -> bool {
        !name.is_empty() && !self.constants.contains_key(name) && !self.sizes.contains_key(name)
    }

    /// Whether an input of an operator is known before the model runs.
    pub fn reads_constant(&self, node: &NodeProto) -> bool {
        node.input.iter().any(|name| self.constants.contains_key(name))
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

    /// Binds one of an operator's outputs.
    pub fn bind(&mut self, node: &NodeProto, index: usize, flow: Flow) {
        if let Some(name) = node.output.get(index) {
            self.flows.insert(name.clone(), flow);
        }
    }
}
