//! The backward pass: gradients of values from output to input, gradients of parameters into the parameters or at once into a step.

use std::time::Instant;

use super::{Program, clock};
use crate::{
    epilogue::{Activation, mask},
    layout::{add_nchw, from_nchw_into},
    op::{Backward, Dx, Sink},
    parameters::Parameters,
    plan::{BackwardStep, GradientTarget, Plan, ValueId},
    threads::for_each_piece,
};

/// A gradient given from outside, `[n, d]` or `[n, c, h, w]`, to a value.
pub struct External<'a> {
    pub value: ValueId,
    pub gradient: &'a [f32],
}

/// Adds `from`, or copies it if nothing is there yet.
pub fn pass_on(from: &[f32], to: &mut [f32], add: bool) {
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
        let Self { plan: Plan { values, steps, .. }, buffers, slots, workspace, profile, isa, n, .. } = self;
        let Self { backward_steps, gradients, gradient_slots, .. } = self;
        let BackwardStep { step, targets } = &backward_steps[index];
        let (isa, n, step) = (*isa, *n, &mut steps[*step]);
        let Some(own) = gradient_slots[step.output] else { return };
        let length = |id: ValueId| n * values[id].len();
        let value = |id: ValueId| &buffers[slots[id]][..length(id)];
        // dy's buffer leaves the list while others are written.
        let mut buffer = std::mem::take(&mut gradients[own]);
        let dy = &mut buffer[..length(step.output)];
        if step.activation != Activation::None && !step.op.masks() {
            mask(isa, value(step.output), dy, step.activation);
        }
        let inputs: Vec<&[f32]> = step.inputs.iter().map(|id| value(*id)).collect();
        let (input_targets, residual_target) = targets.split_at(step.inputs.len());
        for (input, (id, target)) in input_targets.iter().enumerate() {
            let slot = gradient_slots[*id].filter(|_| *target == GradientTarget::Own);
            let mut buffer = slot.map(|slot| std::mem::take(&mut gradients[slot]));
            let dx = match &mut buffer {
                Some(buffer) => Dx::Own { values: &mut buffer[..length(*id)], add: present[*id] },
                None if *target == GradientTarget::Take => Dx::OverDy,
                None => Dx::None,
            };
            present[*id] |= *target != GradientTarget::None;
            let start = Instant::now();
            step.op.backward(Backward {
                isa,
                n,
                input,
                x: value(*id),
                inputs: &inputs,
                y: value(step.output),
                residual: step.residual.is_some(),
                activation: step.activation,
                dy: &mut *dy,
                dx,
                parameters: &mut *parameters,
                workspace: &mut *workspace,
                sink,
                profile: &mut *profile,
            });
            if let Some(kind) = step.op.backward_kind() {
                clock(profile, kind, start);
            }
            if let (Some(slot), Some(buffer)) = (slot, buffer) {
                gradients[slot] = buffer;
            }
        }
        for (id, target) in residual_target {
            if *target == GradientTarget::Own
                && let Some(slot) = gradient_slots[*id]
            {
                pass_on(dy, &mut gradients[slot][..dy.len()], present[*id]);
            }
            present[*id] |= *target != GradientTarget::None;
        }
        gradients[own] = buffer;
        if let Sink::Step(update) = sink {
            let start = Instant::now();
            step.op.tensors().into_iter().for_each(|id| parameters.step(id, update));
            clock(profile, "optimizer", start);
        }
    }
}
