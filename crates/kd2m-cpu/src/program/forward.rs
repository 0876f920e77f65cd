//! The forward pass.

use std::time::Instant;

use super::{Program, StepState, clock, fold::running_affine};
use crate::{
    conv::Epilogue,
    error::CpuError,
    layout::{from_nchw, from_nchw_padded},
    norm::{NormParameters, affine},
    parameters::Parameters,
    plan::{Norm, Operation, Purpose},
    pool,
};

impl Program {
    /// Runs n images `[n, c, h, w]`. In training, batch norms move the running statistics in `parameters`.
    pub fn forward(&mut self, parameters: &mut Parameters, images: &[f32], n: usize) -> Result<(), CpuError> {
        self.n = n;
        if self.purpose == Purpose::Training {
            self.refuse_single_values()?;
        } else {
            self.fold(parameters);
        }
        for (buffer, size) in self.buffers.iter_mut().zip(&self.sizes) {
            buffer.reserve(n * size);
        }
        for index in 0..self.plan.steps.len() {
            let start = Instant::now();
            self.forward_step(index, parameters, images);
            clock(&mut self.profile, self.plan.steps[index].operation.kind(), start);
        }
        Ok(())
    }

    /// A batch norm over one value a channel has no variance.
    fn refuse_single_values(&self) -> Result<(), CpuError> {
        for step in &self.plan.steps {
            if matches!(step.operation, Operation::BatchNorm(_))
                && self.n * self.plan.values[step.output].extent.positions() < 2
            {
                return Err(CpuError::BatchOfOne { layer: step.name.clone() });
            }
        }
        Ok(())
    }

    fn forward_step(&mut self, index: usize, parameters: &mut Parameters, images: &[f32]) {
        let n = self.n;
        let output = self.plan.steps[index].output;
        let length = self.length(output);
        // The output's buffer leaves the list while its inputs' are read from there.
        let slot = self.slots[output];
        let mut buffer = std::mem::take(&mut self.buffers[slot]);
        let mut state = std::mem::replace(&mut self.states[index], StepState::None);
        let mut workspace = std::mem::take(&mut self.workspace);
        let y = &mut buffer[..length];
        let step = &self.plan.steps[index];
        let inputs: Vec<&[f32]> = step.inputs.iter().map(|v| self.value(*v)).collect();
        let residual = step.residual.map(|v| self.value(v));
        let value = &self.plan.values[output];
        let (extent, channels) = (value.extent, value.extent.channels);
        let isa = self.isa;
        match &step.operation {
            Operation::Images { scale, shift } => {
                let affine = |c: usize| (scale[c], shift[c]);
                match value.border {
                    Some(border) => from_nchw_padded(images, y, extent, border, affine),
                    None => from_nchw(images, y, n, extent, affine),
                }
            }
            Operation::Normalise { scale, shift } => {
                affine(isa, (scale, shift), inputs[0], y, residual, step.activation);
            }
            Operation::Convolution { weight, bias, conv, .. } => {
                let (weight, bias) = match &self.folded[index] {
                    Some(folded) => (&folded.weight[..], Some(&folded.bias[..])),
                    None => (parameters.values(*weight), bias.map(|bias| parameters.values(bias))),
                };
                let epilogue = Epilogue { accumulate: false, bias, residual, limits: step.activation.limits() };
                conv.forward(inputs[0], weight, self.prepared[index].as_ref(), y, n, epilogue, &mut workspace);
            }
            Operation::BatchNorm(norm) => match &mut state {
                StepState::Norm(state) => {
                    let (gamma, beta) = (parameters.values(norm.gamma), parameters.values(norm.beta));
                    let p = NormParameters { gamma, beta, eps: norm.eps };
                    let batch = state.forward(isa, p, inputs[0], y, residual, step.activation);
                    track(parameters, norm, &batch.mean, &batch.variance);
                }
                _ => {
                    let (scale, shift) = running_affine(parameters, norm);
                    affine(isa, (&scale, &shift), inputs[0], y, residual, step.activation);
                }
            },
            Operation::Identity => {
                let (scale, shift) = (vec![1.0; channels], vec![0.0; channels]);
                affine(isa, (&scale, &shift), inputs[0], y, residual, step.activation);
            }
            Operation::Concat => {
                let mut first = 0;
                for (input, id) in inputs.iter().zip(&step.inputs) {
                    let width = self.plan.values[*id].extent.channels;
                    pool::copy_channels((input, width, 0), (y, channels, first), width, false);
                    first += width;
                }
            }
            Operation::Slice { start } => {
                let width = self.plan.values[step.inputs[0]].extent.channels;
                pool::copy_channels((inputs[0], width, *start), (y, channels, 0), channels, false);
            }
            Operation::MaxPool(windows) => {
                let winners = match &mut state {
                    StepState::Winners(winners) => {
                        winners.resize(winners.len().max(length), 0);
                        Some(&mut winners[..length])
                    }
                    _ => None,
                };
                windows.max_forward(isa, inputs[0], y, winners, n * channels);
            }
            Operation::AveragePool(windows) => windows.average_forward(isa, inputs[0], y, n * channels),
            Operation::GlobalAveragePool => pool::global_forward(isa, inputs[0], y),
            Operation::Flatten => {
                let from = self.plan.values[step.inputs[0]].extent;
                crate::layout::to_nchw(inputs[0], y, n, from);
            }
            Operation::Shuffle { groups } => pool::shuffle(inputs[0], y, channels, *groups, false),
        }
        self.states[index] = state;
        self.workspace = workspace;
        self.buffers[slot] = buffer;
    }
}

/// Moves the running statistics towards the batch's.
fn track(parameters: &mut Parameters, norm: &Norm, mean: &[f32], variance: &[f32]) {
    for (id, batch) in [(norm.running_mean, mean), (norm.running_variance, variance)] {
        let running = &mut parameters.list[id].value;
        running.iter_mut().zip(batch).for_each(|(r, b)| *r += norm.momentum * (b - *r));
    }
    parameters.version += 1;
}
