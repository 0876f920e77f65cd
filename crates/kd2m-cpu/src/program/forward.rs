//! The forward pass.

use std::{ops::Range, time::Instant};

use rayon::prelude::*;

use super::{Program, clock};
use crate::{
    error::CpuError,
    layout::put_sample,
    op::Forward,
    parameters::Parameters,
    plan::{Plan, Purpose, Singly},
};

impl Program {
    /// Runs n images `[n, c, h, w]`. In training, batch norms move the running statistics in `parameters`.
    pub fn forward(&mut self, parameters: &mut Parameters, images: &[f32], n: usize) -> Result<(), CpuError> {
        self.n = n;
        if self.purpose == Purpose::Training {
            self.plan.steps.iter().try_for_each(|step| step.op.check(&step.name, n))?;
        } else if self.refreshed_at != Some(parameters.version) {
            let (parameters, frozen) = (&*parameters, self.frozen);
            self.plan.steps.par_iter_mut().for_each(|step| step.op.refresh(parameters, frozen));
            self.refreshed_at = Some(parameters.version);
        }
        for (buffer, size) in self.buffers.iter_mut().zip(&self.sizes) {
            buffer.reserve(size.of(n));
        }
        let done = self.one_by_one(parameters, images, n);
        self.run(done..self.plan.steps.len(), parameters, images, n);
        Ok(())
    }

    /// The steps that run sample by sample, for all samples; how many they are.
    fn one_by_one(&mut self, parameters: &mut Parameters, images: &[f32], n: usize) -> usize {
        let Some(Singly { steps, value }) = self.singly.filter(|_| n > 1) else { return 0 };
        let (slot, extent) = (self.slots[value], self.plan.values[value].extent);
        self.together.reserve(self.sizes[slot].of(n));
        for (sample, image) in images.chunks_exact(images.len() / n).enumerate() {
            self.run(0..steps, parameters, image, 1);
            put_sample(&self.buffers[slot][..extent.len()], &mut self.together, sample, n, extent.channels);
        }
        std::mem::swap(&mut self.together, &mut self.buffers[slot]);
        steps
    }

    fn run(&mut self, steps: Range<usize>, parameters: &mut Parameters, images: &[f32], n: usize) {
        for index in steps {
            let start = Instant::now();
            self.forward_step(index, parameters, images, n);
            clock(&mut self.profile, self.plan.steps[index].op.kind(), start);
        }
    }

    fn forward_step(&mut self, index: usize, parameters: &mut Parameters, images: &[f32], n: usize) {
        let Self { plan: Plan { values, steps, .. }, buffers, slots, workspace, isa, draws, .. } = self;
        let (isa, draws, step) = (*isa, *draws, &mut steps[index]);
        // The output's buffer leaves the list while its inputs' are read from there.
        let slot = slots[step.output];
        let mut buffer = std::mem::take(&mut buffers[slot]);
        let value = |id: usize| &buffers[slots[id]][..n * values[id].len()];
        let inputs: Vec<&[f32]> = step.inputs.iter().map(|id| value(*id)).collect();
        step.op.forward(Forward {
            isa,
            n,
            draws,
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

#[cfg(test)]
mod tests {
    use kd2m_nn::{Graph, init::initialise, zoo};

    use crate::{
        isa::Isa,
        network::Options,
        op::weight_pack,
        parameters::Parameters,
        plan::{Purpose, before, compile},
        program::{Program, sizes},
        threads::Threads,
    };

    fn program(graph: &Graph, isa: Isa, large: usize) -> Program {
        let plan = compile(graph, Purpose::Evaluation, isa, &Options::default()).unwrap();
        let mut program = Program::new(plan, Purpose::Evaluation, isa, true);
        program.singly = before(&program.plan, large);
        program.sizes = sizes(&program.plan, &program.slots, program.singly.as_ref());
        program
    }

    #[test]
    fn samples_one_by_one_give_the_bits_of_the_batch() {
        const NETWORKS: [&str; 7] = [
            "resnet18",
            "resnet50",
            "mobilenet_v2",
            "mobilenet_v3_small",
            "ShuffleV1",
            "vgg8",
            "tf_efficientnet_lite0",
        ];
        for name in NETWORKS {
            let graph = zoo::build(name, &zoo::ZooOptions::new(7, 3, 48, 40).stem(zoo::Stem::Imagenet)).unwrap();
            let (n, weights) = (3, initialise(&graph, 3));
            let pixel = |i: usize| (i * 2_654_435_761 % 1009) as f32 / 1009.0;
            let images: Vec<f32> = (0..n * graph.input_shape().len()).map(pixel).collect();
            for isa in Isa::available() {
                let pack_of = |node: usize| weight_pack(&graph, node, isa);
                let answer = |mut program: Program| {
                    let mut parameters = Parameters::new(&graph, &weights, false, isa, pack_of).unwrap();
                    Threads::shared(2).unwrap().run(|| {
                        // Twice: buffers have changed places in between.
                        program.forward(&mut parameters, &images, n).unwrap();
                        program.forward(&mut parameters, &images, n).unwrap();
                    });
                    [program.plan.features, program.plan.logits].map(|value| program.value(value).to_vec())
                };
                let (whole, parts) = (program(&graph, isa, usize::MAX), program(&graph, isa, 1));
                assert!(whole.singly.is_none());
                let Some(singly) = parts.singly else {
                    assert_eq!(isa, Isa::Portable, "{name}: all at once");
                    continue;
                };
                assert_eq!(answer(whole), answer(parts), "{name} {isa}, {} steps one by one", singly.steps);
            }
        }
    }
}
