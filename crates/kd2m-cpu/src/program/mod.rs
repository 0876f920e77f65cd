//! A plan with its buffers: runs forward and backward over one batch.

mod backward;
mod fold;
mod forward;

use std::{collections::BTreeMap, time::Instant};

use crate::{
    buffers::Buffer,
    conv::{Workspace, winograd},
    isa::Isa,
    norm::NormState,
    plan::{BackwardStep, Operation, Plan, Purpose, ValueId, backward as plan_backward, forward_slots},
};

pub use backward::{External, Sink};
use fold::Folded;

/// What a step remembers between its forward and its backward pass.
enum StepState {
    None,
    Norm(NormState),
    /// The winning tap of each value after a max-pool.
    Winners(Vec<u16>),
}

/// A compiled graph that can run.
pub struct Program {
    pub plan: Plan,
    purpose: Purpose,
    isa: Isa,
    /// The parameters never change.
    frozen: bool,
    workspace: Workspace,
    slots: Vec<usize>,
    sizes: Vec<usize>,
    buffers: Vec<Buffer>,
    states: Vec<StepState>,
    backward_steps: Vec<BackwardStep>,
    gradient_slots: Vec<Option<usize>>,
    gradient_sizes: Vec<usize>,
    gradients: Vec<Buffer>,
    /// Convolutions with their batch norm folded in, by step.
    folded: Vec<Option<Folded>>,
    /// What the kernels derive from the weights of a frozen network's convolutions, by step.
    prepared: Vec<Option<winograd::Weights>>,
    folded_version: Option<u64>,
    /// Samples of the last forward pass.
    pub n: usize,
    /// Seconds by kind of work.
    pub profile: BTreeMap<&'static str, f64>,
}

/// Adds the seconds since `start` to a kind of work.
fn clock(profile: &mut BTreeMap<&'static str, f64>, part: &'static str, start: Instant) {
    *profile.entry(part).or_default() += start.elapsed().as_secs_f64();
}

impl Program {
    pub fn new(plan: Plan, purpose: Purpose, isa: Isa, frozen: bool) -> Self {
        let keep = purpose == Purpose::Training;
        let (slots, sizes) = forward_slots(&plan, keep);
        let (backward_steps, gradient_slots, gradient_sizes) =
            if keep { plan_backward(&plan) } else { (Vec::new(), Vec::new(), Vec::new()) };
        let states = plan.steps.iter().map(|step| match step.operation {
            Operation::BatchNorm(_) if keep => StepState::Norm(NormState::default()),
            Operation::MaxPool(_) if keep => StepState::Winners(Vec::new()),
            _ => StepState::None,
        });
        Self {
            states: states.collect(),
            buffers: sizes.iter().map(|_| Buffer::default()).collect(),
            gradients: gradient_sizes.iter().map(|_| Buffer::default()).collect(),
            folded: plan.steps.iter().map(|_| None).collect(),
            prepared: plan.steps.iter().map(|_| None).collect(),
            folded_version: None,
            plan,
            purpose,
            isa,
            frozen,
            workspace: Workspace::default(),
            slots,
            sizes,
            backward_steps,
            gradient_slots,
            gradient_sizes,
            n: 0,
            profile: BTreeMap::new(),
        }
    }

    /// A value of the last forward pass.
    pub fn value(&self, id: ValueId) -> &[f32] {
        &self.buffers[self.slots[id]][..self.n * self.plan.values[id].len()]
    }

    fn length(&self, id: ValueId) -> usize {
        self.n * self.plan.values[id].len()
    }

    /// Memory of activations, gradients and folded weights in bytes.
    pub fn bytes(&self) -> usize {
        let folded = self.folded.iter().flatten().map(|f| f.weight.len() + f.bias.len());
        let prepared = self.prepared.iter().flatten().map(|p| p.len());
        let buffers = self.buffers.iter().chain(&self.gradients).map(|b| b.len());
        size_of::<f32>() * folded.chain(prepared).chain(buffers).sum::<usize>() + self.workspace.bytes()
    }
}
