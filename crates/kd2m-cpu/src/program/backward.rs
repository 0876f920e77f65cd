//! The backward pass: gradients of values from output to input, gradients of parameters into the parameters or at once into a step.

use std::{collections::BTreeMap, time::Instant};

use kd2m_nn::step::Update;

use super::{Program, StepState, clock};
use crate::{
    conv::{FusedStep, Workspace},
    epilogue::{Activation, mask},
    layout::{Extent, add_nchw, from_nchw_into},
    norm::{NormGradients, Target, add_column_sums, affine},
    parameters::Parameters,
    plan::{GradientTarget, Operation, Step, ValueId},
    pool,
    threads::for_each_piece,
    update::as_sgd,
};

/// A gradient given from outside, `[n, d]` or `[n, c, h, w]`, to a value.
pub struct External<'a> {
    pub value: ValueId,
    pub gradient: &'a [f32],
}

/// What happens to the parameters' gradients.
#[derive(Clone, Copy)]
pub enum Sink<'a> {
    /// Added to what is there.
    Accumulate,
    /// Each tensor is stepped as soon as its gradient is known.
    Step(&'a Update),
}

/// Adds `from`, or copies it if nothing is there yet.
fn pass_on(from: &[f32], to: &mut [f32], add: bool) {
    const PIECE: usize = 65536;
    for_each_piece(to, PIECE, |i, to| {
        let from = &from[i * PIECE..][..to.len()];
        if add {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        } else {
            to.copy_from_slice(from);
        }
    });
}

impl Program {
    /// Runs the backward pass of the last forward pass.
    pub fn backward(&mut self, parameters: &mut Parameters, external: &[External], sink: Sink) {
        for (buffer, size) in self.gradients.iter_mut().zip(&self.gradient_sizes) {
            buffer.reserve(self.n * size);
        }
        let mut present = vec![false; self.plan.values.len()];
        for index in 0..self.backward_steps.len() {
            let output = self.plan.steps[self.backward_steps[index].step].output;
            for given in external.iter().filter(|given| given.value == output) {
                self.inject(given, &mut present);
            }
            if present[output] {
                self.backward_step(index, parameters, sink, &mut present);
            }
        }
    }

    fn inject(&mut self, given: &External, present: &mut [bool]) {
        let Some(slot) = self.gradient_slots[given.value] else { return };
        let (n, extent) = (self.n, self.plan.values[given.value].extent);
        let gradient = &mut self.gradients[slot][..n * extent.len()];
        if std::mem::replace(&mut present[given.value], true) {
            add_nchw(given.gradient, gradient, n, extent);
        } else {
            from_nchw_into(given.gradient, gradient, n, extent);
        }
    }

    fn backward_step(&mut self, index: usize, parameters: &mut Parameters, sink: Sink, present: &mut [bool]) {
        let step_index = self.backward_steps[index].step;
        let output = self.plan.steps[step_index].output;
        let Some(own) = self.gradient_slots[output] else { return };
        let length = self.length(output);
        let mut state = std::mem::replace(&mut self.states[step_index], StepState::None);
        // dy's buffer leaves the list while others are written.
        let mut buffer = std::mem::take(&mut self.gradients[own]);
        let dy = &mut buffer[..length];

        let step = &self.plan.steps[step_index];
        if step.activation != Activation::None && !matches!(step.operation, Operation::BatchNorm(_)) {
            mask(self.isa, self.value(output), dy, step.activation);
        }
        let targets = self.backward_steps[index].targets.clone();
        let (input_targets, residual_target) = targets.split_at(step.inputs.len());
        for (i, (value, target)) in input_targets.iter().enumerate() {
            let slot = self.gradient_slots[*value].filter(|_| *target == GradientTarget::Own);
            let mut buffer = slot.map(|slot| std::mem::take(&mut self.gradients[slot]));
            let length = self.length(*value);
            let dx = match &mut buffer {
                Some(buffer) => Dx::Own { values: &mut buffer[..length], add: present[*value] },
                None if *target == GradientTarget::Take => Dx::OverDy,
                None => Dx::None,
            };
            present[*value] |= *target != GradientTarget::None;
            let mut workspace = std::mem::take(&mut self.workspace);
            let mut profile = std::mem::take(&mut self.profile);
            let context =
                Context { state: &mut state, parameters, workspace: &mut workspace, sink, profile: &mut profile };
            self.through(&self.plan.steps[step_index], i, context, dy, dx);
            self.workspace = workspace;
            self.profile = profile;
            if let (Some(slot), Some(buffer)) = (slot, buffer) {
                self.gradients[slot] = buffer;
            }
        }
        for (value, target) in residual_target {
            if *target == GradientTarget::Own
                && let Some(slot) = self.gradient_slots[*value]
            {
                pass_on(dy, &mut self.gradients[slot][..length], present[*value]);
            }
            present[*value] |= *target != GradientTarget::None;
        }
        self.gradients[own] = buffer;
        self.states[step_index] = state;
        if let Sink::Step(update) = sink {
            let start = Instant::now();
            tensors(&self.plan.steps[step_index]).for_each(|id| parameters.step(id, update));
            clock(&mut self.profile, "optimizer", start);
        }
    }

    /// The gradient to input `i` of a step, and (with its first input) to its parameters.
    fn through(&self, step: &Step, i: usize, context: Context, dy: &mut [f32], dx: Dx) {
        let Context { state, parameters, workspace, sink, profile } = context;
        let start = Instant::now();
        let n = self.n;
        let input = step.inputs[i];
        let x = self.value(input);
        let (from, to): (Extent, Extent) = (self.plan.values[input].extent, self.plan.values[step.output].extent);
        match &step.operation {
            // Nothing upstream has parameters.
            Operation::Images { .. } => {}
            Operation::Identity => {
                if let Dx::Own { values, add } = dx {
                    pass_on(dy, values, add);
                }
            }
            Operation::Normalise { scale, .. } => {
                let shift = vec![0.0; scale.len()];
                match dx {
                    Dx::Own { values, add } => {
                        let before = add.then(|| values.to_vec());
                        affine(self.isa, (scale, &shift), dy, values, before.as_deref(), Activation::None);
                    }
                    Dx::OverDy => {
                        let copy = dy.to_vec();
                        affine(self.isa, (scale, &shift), &copy, dy, None, Activation::None);
                    }
                    Dx::None => {}
                }
            }
            Operation::Convolution { weight, bias, conv, .. } => {
                if let Dx::Own { values, add } = dx {
                    conv.input_gradient(dy, parameters.values(*weight), values, n, add, workspace);
                }
                clock(profile, "gradient to inputs", start);
                let start = Instant::now();
                if let Some(bias) = bias {
                    add_column_sums(self.isa, dy, parameters.gradient_to_add(*bias));
                }
                let tensor = &mut parameters.list[*weight];
                let add = std::mem::replace(&mut tensor.has_gradient, true);
                let fused = match sink {
                    Sink::Step(update) => as_sgd(update),
                    Sink::Accumulate => None,
                };
                let (weight, moment) = (&mut tensor.value[..], &mut tensor.first[..]);
                let step = fused.map(|sgd| FusedStep { sgd, weight, moment });
                if conv.weight_gradient(x, dy, &mut tensor.gradient, n, add, step, workspace) {
                    tensor.has_gradient = false;
                    if let (false, Some(sgd)) = (conv.dead.is_empty(), fused) {
                        tensor.postpone(self.isa, sgd, || conv.dead_ranges());
                    }
                }
                clock(profile, "gradient to weights", start);
            }
            Operation::BatchNorm(norm) => {
                let StepState::Norm(state) = state else { return };
                let target = match dx {
                    Dx::Own { values, add: true } => Target::Add(values),
                    Dx::Own { values, add: false } => Target::Write(values),
                    // Without upstream parameters dy is free to be written over, too.
                    Dx::OverDy | Dx::None => Target::InPlace,
                };
                let y = step.residual.map(|_| self.value(step.output));
                let mut gradients = NormGradients::default();
                state.backward(self.isa, x, y, dy, step.activation, target, &mut gradients);
                add_to(parameters.gradient_to_add(norm.gamma), &gradients.gamma);
                add_to(parameters.gradient_to_add(norm.beta), &gradients.beta);
                clock(profile, "batch norm backward", start);
            }
            _ => {
                if let Dx::Own { values, add } = dx {
                    self.through_plain(step, i, state, dy, values, add, (from, to));
                }
                clock(profile, "other backward", start);
            }
        }
    }

    /// Layers without parameters that move values about.
    #[expect(clippy::too_many_arguments, reason = "the second half of `through`")]
    fn through_plain(
        &self,
        step: &Step,
        i: usize,
        state: &StepState,
        dy: &[f32],
        dx: &mut [f32],
        add: bool,
        (from, to): (Extent, Extent),
    ) {
        let slab = self.n * from.channels;
        match (&step.operation, state) {
            (Operation::Concat, _) => {
                let widths = step.inputs.iter().map(|v| self.plan.values[*v].extent.channels);
                let first = widths.take(i).sum();
                pool::copy_channels((dy, to.channels, first), (dx, from.channels, 0), from.channels, add);
            }
            (Operation::Slice { start }, _) => {
                if !add {
                    dx.fill(0.0);
                }
                pool::copy_channels((dy, to.channels, 0), (dx, from.channels, *start), to.channels, true);
            }
            (Operation::MaxPool(windows), StepState::Winners(winners)) => {
                windows.max_backward(self.isa, dy, &winners[..dy.len()], dx, slab, add);
            }
            (Operation::AveragePool(windows), _) => windows.average_backward(self.isa, dy, dx, slab, add),
            (Operation::GlobalAveragePool, _) => pool::global_backward(dy, dx, add),
            (Operation::Flatten, _) if add => add_nchw(dy, dx, self.n, from),
            (Operation::Flatten, _) => from_nchw_into(dy, dx, self.n, from),
            (Operation::Shuffle { groups }, _) => {
                pool::shuffle(dy, dx, from.channels, from.channels / groups, add);
            }
            _ => {}
        }
    }
}

/// What a step needs beside its gradients.
struct Context<'a> {
    state: &'a mut StepState,
    parameters: &'a mut Parameters,
    workspace: &'a mut Workspace,
    sink: Sink<'a>,
    profile: &'a mut BTreeMap<&'static str, f64>,
}

/// Where the gradient to an input goes.
enum Dx<'a> {
    /// Nobody needs it.
    None,
    /// The output's gradient becomes the input's.
    OverDy,
    Own {
        values: &'a mut [f32],
        add: bool,
    },
}

fn add_to(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

/// The trained tensors of a step.
fn tensors(step: &Step) -> impl Iterator<Item = usize> {
    let (first, second) = match &step.operation {
        Operation::Convolution { weight, bias, .. } => (Some(*weight), *bias),
        Operation::BatchNorm(norm) => (Some(norm.gamma), Some(norm.beta)),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}
