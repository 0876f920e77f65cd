//! Graph → steps. A layer is kept pending until its only reader was seen; the reader either takes it in or makes it a step. What takes
//! in what stands with the operations ([`op`](crate::op)).

use std::{any::Any, collections::HashMap, sync::Arc};

use kd2m_nn::{Graph, NodeId, Pool, Role, step::Reduce};

use super::{ParameterId, Plan, Purpose, Step, Value, ValueId};
use crate::{
    epilogue::Activation,
    error::CpuError,
    geometry::{Geometry, Window},
    isa::Isa,
    layout::Extent,
    network::Options,
    op::{self, Op},
    pool::Windows,
};

/// A step that may still take in what reads it; fields as those of [`Step`].
pub struct Pending {
    pub name: String,
    pub op: Box<dyn Op>,
    pub inputs: Vec<ValueId>,
    pub residual: Option<ValueId>,
    pub activation: Activation,
}

impl Pending {
    /// An operation alone.
    pub fn new(name: &str, op: impl Op, inputs: Vec<ValueId>) -> Self {
        Self { name: name.to_owned(), op: Box::new(op), inputs, residual: None, activation: Activation::None }
    }

    /// Its operation, if it is of this kind.
    pub fn op_mut<T: Op>(&mut self) -> Option<&mut T> {
        let any: &mut dyn Any = &mut *self.op;
        any.downcast_mut()
    }
}

/// Where the output of a node is.
pub enum Place {
    /// Not needed for any output.
    Dead,
    Pending(Pending),
    Stored(ValueId),
}

/// What operations are planned with.
pub struct Compiler<'a> {
    pub graph: &'a Graph,
    pub purpose: Purpose,
    pub isa: Isa,
    /// Whether a convolution may go that way.
    pub winograd: bool,
    /// Who has the rest of each training batch.
    pub others: Option<Arc<dyn Reduce>>,
    /// Tensors by node and role.
    tensors: HashMap<(usize, Role), ParameterId>,
    /// Readers of each node among the live ones.
    readers: Vec<Vec<usize>>,
    outputs: Vec<bool>,
    places: Vec<Place>,
    values: Vec<Value>,
    steps: Vec<Step>,
}

/// The plan of a graph that stores the wanted stages; without `winograd` among the options no convolution goes that way.
///
/// # Errors
/// A stage that the graph does not have.
pub fn compile(graph: &Graph, purpose: Purpose, isa: Isa, options: &Options) -> Result<Plan, CpuError> {
    let mut stages = Vec::new();
    for name in &options.stages {
        let node = graph.stage(name).ok_or_else(|| CpuError::UnknownStage {
            network: graph.name.clone(),
            stage: name.clone(),
            known: graph.stages().iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        stages.push((name.clone(), node));
    }
    let count = graph.nodes().len();
    let mut outputs = vec![false; count];
    let given = [graph.features(), graph.logits()].into_iter().chain(stages.iter().map(|(_, node)| *node));
    given.for_each(|NodeId(i)| outputs[i] = true);

    let mut live = outputs.clone();
    let mut readers = vec![Vec::new(); count];
    for i in (0..count).rev() {
        if live[i] {
            for NodeId(input) in &graph.nodes()[i].inputs {
                live[*input] = true;
                readers[*input].push(i);
            }
        }
    }
    let mut compiler = Compiler {
        graph,
        purpose,
        isa,
        winograd: options.winograd,
        others: options.others.clone(),
        tensors: graph.parameters().iter().enumerate().map(|(id, p)| ((p.node.0, p.role), id)).collect(),
        readers,
        outputs,
        places: (0..count).map(|_| Place::Dead).collect(),
        values: Vec::new(),
        steps: Vec::new(),
    };
    for (i, live) in live.iter().enumerate() {
        if *live {
            compiler.visit(i);
        }
    }
    let features = compiler.value(graph.features().0);
    let logits = compiler.value(graph.logits().0);
    let stages = stages.into_iter().map(|(name, node)| (name, compiler.value(node.0))).collect();
    Ok(Plan { values: compiler.values, steps: compiler.steps, features, logits, stages })
}

impl<'a> Compiler<'a> {
    fn visit(&mut self, node: usize) {
        self.places[node] = op::plan(self, node);
        // Only a node with one reader can be taken in by it.
        if self.outputs[node] || self.readers[node].len() != 1 {
            self.value(node);
        }
    }

    /// The name of a node.
    pub fn name(&self, node: usize) -> &'a str {
        &self.graph.nodes()[node].name
    }

    /// The node that is read as its input of this number.
    pub fn input(&self, node: usize, index: usize) -> usize {
        self.graph.nodes()[node].inputs[index].0
    }

    /// What a node gives.
    pub fn extent(&self, node: usize) -> Extent {
        Extent::of(self.graph.nodes()[node].shape)
    }

    /// Whether it is read after a forward pass.
    pub fn is_output(&self, node: usize) -> bool {
        self.outputs[node]
    }

    /// The nodes that read it.
    pub fn readers(&self, node: usize) -> &[usize] {
        &self.readers[node]
    }

    /// A tensor that every layer of this node's kind has.
    pub fn tensor(&self, node: usize, role: Role) -> ParameterId {
        self.tensors[&(node, role)]
    }

    /// A tensor that some have.
    pub fn optional_tensor(&self, node: usize, role: Role) -> Option<ParameterId> {
        self.tensors.get(&(node, role)).copied()
    }

    /// The windows of a pool.
    pub fn windows(&self, node: usize, pool: &Pool) -> Windows {
        let window = Window { kernel: pool.kernel, stride: pool.stride, padding: pool.padding, dilation: [1; 2] };
        Windows::new(&Geometry::new(&window, self.extent(self.input(node, 0)), self.extent(node)))
    }

    /// How a value lies in memory.
    pub fn stored_value(&self, value: ValueId) -> &Value {
        &self.values[value]
    }

    /// The stored value of a node; makes a step of it if it is pending.
    pub fn value(&mut self, node: usize) -> ValueId {
        let value = match std::mem::replace(&mut self.places[node], Place::Dead) {
            Place::Stored(value) => value,
            Place::Pending(pending) => self.store(node, pending),
            // Inputs come before their readers in a graph, and readers make inputs live.
            Place::Dead => unreachable!("node {node} is read before it is computed"),
        };
        self.places[node] = Place::Stored(value);
        value
    }

    fn store(&mut self, node: usize, pending: Pending) -> ValueId {
        let Pending { name, mut op, inputs, residual, activation } = pending;
        let own = !op.tensors().is_empty();
        let needs_gradient = own || inputs.iter().chain(&residual).any(|v| self.values[*v].needs_gradient);
        let border = op.border(self, node);
        self.values.push(Value { extent: self.extent(node), border, needs_gradient });
        let output = self.values.len() - 1;
        self.steps.push(Step { name, op, inputs, residual, activation, output });
        output
    }

    /// The pending step of a node, if `fits` and it is read by one node only.
    pub fn take(&mut self, node: usize, fits: impl FnOnce(&mut Pending) -> bool) -> Option<Pending> {
        let place = std::mem::replace(&mut self.places[node], Place::Dead);
        if let Place::Pending(mut pending) = place {
            if fits(&mut pending) {
                return Some(pending);
            }
            self.places[node] = Place::Pending(pending);
        } else {
            self.places[node] = place;
        }
        None
    }

    /// A step that takes nothing in.
    pub fn stored(&mut self, node: usize, op: impl Op) -> Place {
        let graph = self.graph;
        let inputs = graph.nodes()[node].inputs.iter().map(|input| self.value(input.0)).collect();
        let pending = Pending::new(self.name(node), op, inputs);
        Place::Stored(self.store(node, pending))
    }
}
