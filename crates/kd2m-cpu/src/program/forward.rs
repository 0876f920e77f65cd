//! The forward pass.

use std::time::Instant;

use super::{Program, clock};
use crate::{
    error::CpuError,
    op::Forward,
    parameters::Parameters,
    plan::{Plan, Purpose},
};

impl Program {
    /// Runs n images `[n, c, h, w]`. In training, batch norms move the running statistics in `parameters`.
    pub fn forward(&mut self, parameters: &mut Parameters, images: &[f32], n: usize) -> Result<(), CpuError> {
        self.n = n;
        if self.purpose == Purpose::Training {
            self.plan.steps.iter().try_for_each(|step| step.op.check(&step.name, n))?;
        } else if self.refreshed_at != Some(parameters.version) {
            self.plan.steps.iter_mut().for_each(|step| step.op.refresh(parameters, self.frozen));
            self.refreshed_at = Some(parameters.version);
        }
        for (buffer, size) in self.buffers.iter_mut().zip(&self.sizes) {
            buffer.reserve(n * size);
        }
        for index in 0..self.plan.steps.len() {
            let start = Instant::now();
            self.forward_step(index, parameters, images);
            clock(&mut self.profile, self.plan.steps[index].op.kind(), start);
        }
        Ok(())
    }

    fn forward_step(&mut self, index: usize, parameters: &mut Parameters, images: &[f32]) {
        let Self { plan: Plan { values, steps, .. }, buffers, slots, workspace, isa, n, .. } = self;
        let (isa, n, step) = (*isa, *n, &mut steps[index]);
        // The output's buffer leaves the list while its inputs' are read from there.
        let slot = slots[step.output];
        let mut buffer = std::mem::take(&mut buffers[slot]);
        let value = |id: usize| &buffers[slots[id]][..n * values[id].len()];
        let inputs: Vec<&[f32]> = step.inputs.iter().map(|id| value(*id)).collect();
        step.op.forward(Forward {
            isa,
            n,
            images,
            inputs: &inputs,
            residual: step.residual.map(value),
            activation: step.activation,
            y: &mut buffer[..n * values[step.output].len()],
            parameters,
            workspace,
        });
        buffers[slot] = buffer;
    }
}
