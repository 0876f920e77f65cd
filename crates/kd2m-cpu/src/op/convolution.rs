//! What convolutions and linear layers have in common, which are convolutions of maps of one position; kernels in
//! [`conv`](mod@crate::conv).

use std::time::Instant;

use kd2m_nn::{Conv, Graph, Layer, Role};

use super::{Backward, Dx, Forward, Op, Sink, batch_norm::Norm};
use crate::{
    aligned::Aligned,
    conv::{ConvShape, Convolution, Epilogue, FusedStep, Pointwise, Source, winograd},
    geometry::Window,
    isa::Isa,
    layout::{Extent, Pack},
    norm::add_column_sums,
    parameters::Parameters,
    plan::{Compiler, ParameterId, Pending, Place},
    program::clock,
    update::as_sgd,
};

/// A convolution or a linear layer; in evaluation with the batch norm after it folded in.
pub struct Convolve {
    weight: ParameterId,
    bias: Option<ParameterId>,
    pub conv: Convolution,
    norm: Option<Norm>,
    folded: Option<Folded>,
    /// Of each output, in evaluation.
    function: Option<Pointwise>,
    /// What the kernels derive from the weights of a frozen network.
    prepared: Option<winograd::Weights>,
}

/// Weights and bias with the batch norm after them.
struct Folded {
    weight: Aligned,
    bias: Vec<f32>,
}

/// Window and groups of a layer that is a convolution here.
fn window(layer: &Layer) -> Option<(Window, usize)> {
    match layer {
        Layer::Conv(c) => Some((window_of(c), c.groups)),
        Layer::Linear(_) => Some((POINT, 1)),
        _ => None,
    }
}

/// The window of a linear layer.
pub const POINT: Window = Window { kernel: [1; 2], stride: [1; 2], padding: [0; 2], dilation: [1; 2] };

/// The window of a convolution.
pub fn window_of(c: &Conv) -> Window {
    Window { kernel: c.kernel, stride: c.stride, padding: c.padding, dilation: c.dilation }
}

/// The order of memory of a node's weight, if it is a convolution or a linear layer. It depends on nothing that a plan decides, so
/// that training and evaluation read the same weights.
pub fn weight_pack(graph: &Graph, node: usize, isa: Isa) -> Option<Pack> {
    let node = &graph.nodes()[node];
    let input = Extent::of(graph.node(*node.inputs.first()?).shape);
    let (window, groups) = window(&node.layer)?;
    let shape = ConvShape { window, groups, input, output: Extent::of(node.shape), source: Source::Maps };
    Some(shape.pack_on(isa))
}

/// A step that takes in what follows it.
pub fn product(c: &mut Compiler, node: usize, window: Window, groups: usize) -> Place {
    // What lies there may have been a map before it was tokens: the node that is read says what it is now.
    let extent = c.extent(c.input(node, 0));
    let input = c.value(c.input(node, 0));
    let source = match c.stored_value(input).border {
        Some(border) => Source::PaddedImages { border },
        None => Source::Maps,
    };
    let shape = ConvShape { window, groups, input: extent, output: c.extent(node), source };
    let op = Convolve {
        weight: c.tensor(node, Role::Weight),
        bias: c.optional_tensor(node, Role::Bias),
        conv: Convolution::new(shape, c.isa, c.winograd),
        norm: None,
        folded: None,
        function: None,
        prepared: None,
    };
    Place::Pending(Pending::new(c.name(node), op, vec![input]))
}

impl Convolve {
    /// Takes in the batch norm after it, for evaluation; false if it has one, or a function.
    pub fn fold(&mut self, norm: &Norm) -> bool {
        let free = self.norm.is_none() && self.function.is_none();
        if free {
            self.norm = Some(norm.clone());
        }
        free
    }

    /// Takes in the function after it, for evaluation; false if it has one.
    pub fn apply(&mut self, function: Pointwise) -> bool {
        let free = self.function.is_none();
        self.function.get_or_insert(function);
        free
    }
}

/// Multiplies the weights of each output by its factor.
fn scale_outputs(pack: &Pack, weight: &mut [f32], factors: &[f32]) {
    for group in 0..pack.groups {
        for block in 0..pack.blocks() {
            let (start, width) = (pack.start(group, block), pack.width(block));
            let outputs = pack.outputs_of(block);
            let factors = &factors[group * pack.outputs..][outputs];
            for row in weight[start..start + pack.taps * pack.inputs * width].chunks_exact_mut(width) {
                row.iter_mut().zip(factors).for_each(|(w, f)| *w *= f);
            }
        }
    }
}

impl Op for Convolve {
    fn kind(&self) -> &'static str {
        "convolution"
    }

    fn backward_kind(&self) -> Option<&'static str> {
        None
    }

    fn tensors(&self) -> Vec<ParameterId> {
        std::iter::once(self.weight).chain(self.bias).collect()
    }

    fn takes_in(&self) -> bool {
        self.function.is_none()
    }

    fn each_by_itself(&self) -> bool {
        self.conv.each_by_itself()
    }

    /// Batch norm in evaluation is a factor and a summand for each channel; both go into weights and bias.
    fn refresh(&mut self, parameters: &Parameters, frozen: bool) {
        let Some(norm) = &self.norm else {
            // Its batch norm comes before it, as in wide residual networks.
            if frozen {
                self.prepared = self.conv.prepare(parameters.values(self.weight));
            }
            return;
        };
        let (factors, mut summands) = norm.running_affine(parameters);
        let weight = parameters.values(self.weight);
        let empty = || Folded { weight: Aligned::zeros(weight.len()), bias: Vec::new() };
        let into = self.folded.get_or_insert_with(empty);
        into.weight.copy_from_slice(weight);
        scale_outputs(&self.conv.pack, &mut into.weight, &factors);
        if let Some(bias) = self.bias {
            let bias = parameters.values(bias);
            summands.iter_mut().zip(bias).zip(&factors).for_each(|((s, b), f)| *s += b * f);
        }
        into.bias = summands;
        if frozen {
            self.prepared = self.conv.prepare(&into.weight);
        }
    }

    fn held(&self) -> usize {
        let folded = self.folded.as_ref().map_or(0, |f| f.weight.len() + f.bias.len());
        folded + self.prepared.as_ref().map_or(0, |p| p.len())
    }

    fn forward(&mut self, step: Forward) {
        let (weight, bias) = match &self.folded {
            Some(folded) => (&folded.weight[..], Some(&folded.bias[..])),
            None => (step.parameters.values(self.weight), self.bias.map(|bias| step.parameters.values(bias))),
        };
        let limits = step.activation.limits();
        let epilogue = Epilogue { accumulate: false, bias, residual: step.residual, limits, function: self.function };
        let prepared = self.prepared.as_ref();
        self.conv.forward(step.inputs[0], weight, prepared, step.y, step.n, epilogue, step.workspace);
    }

    fn backward(&mut self, step: Backward) {
        let Backward { isa, n, x, dy, dx, parameters, workspace, sink, profile, .. } = step;
        let start = Instant::now();
        if let Dx::Own { values, add } = dx {
            self.conv.input_gradient(dy, parameters.values(self.weight), values, n, add, workspace);
        }
        clock(profile, "gradient to inputs", start);
        let start = Instant::now();
        if let Some(bias) = self.bias {
            add_column_sums(isa, dy, parameters.gradient_to_add(bias));
        }
        let tensor = &mut parameters.list[self.weight];
        let add = std::mem::replace(&mut tensor.has_gradient, true);
        let fused = match sink {
            Sink::Step(update) => as_sgd(&tensor.own(update)),
            Sink::Accumulate => None,
        };
        let (weight, moment) = (&mut tensor.value[..], &mut tensor.first[..]);
        let fused_step = fused.map(|sgd| FusedStep { sgd, weight, moment });
        if self.conv.weight_gradient(x, dy, &mut tensor.gradient, n, add, fused_step, workspace) {
            tensor.has_gradient = false;
            if let (false, Some(sgd)) = (self.conv.dead.is_empty(), fused) {
                tensor.postpone(isa, sgd, || self.conv.dead_ranges());
            }
        }
        clock(profile, "gradient to weights", start);
    }
}
