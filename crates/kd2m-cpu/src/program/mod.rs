//! A plan with its buffers: runs forward and backward over one batch.

mod backward;
mod forward;

use std::{collections::BTreeMap, time::Instant};

use crate::{
    aligned::Aligned,
    conv::Workspace,
    isa::Isa,
    plan::{BackwardStep, Plan, Purpose, ValueId, backward as plan_backward, forward_slots},
};

pub use backward::{External, pass_on};

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
    buffers: Vec<Aligned>,
    backward_steps: Vec<BackwardStep>,
    gradient_slots: Vec<Option<usize>>,
    gradient_sizes: Vec<usize>,
    gradients: Vec<Aligned>,
    /// The version of the parameters that what evaluation derives from them was made of.
    refreshed_at: Option<u64>,
    /// Samples of the last forward pass.
    pub n: usize,
    /// Seconds by kind of work.
    pub profile: BTreeMap<&'static str, f64>,
}

/// Adds the seconds since `start` to a kind of work.
pub fn clock(profile: &mut BTreeMap<&'static str, f64>, part: &'static str, start: Instant) {
    *profile.entry(part).or_default() += start.elapsed().as_secs_f64();
}

impl Program {
    pub fn new(plan: Plan, purpose: Purpose, isa: Isa, frozen: bool) -> Self {
        let keep = purpose == Purpose::Training;
        let (slots, sizes) = forward_slots(&plan, keep);
        let (backward_steps, gradient_slots, gradient_sizes) =
            if keep { plan_backward(&plan) } else { (Vec::new(), Vec::new(), Vec::new()) };
        Self {
            buffers: sizes.iter().map(|_| Aligned::default()).collect(),
            gradients: gradient_sizes.iter().map(|_| Aligned::default()).collect(),
            refreshed_at: None,
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

    /// Memory of activations and gradients of n samples in bytes.
    pub fn bytes_for(&self, n: usize) -> usize {
        size_of::<f32>() * n * self.sizes.iter().chain(&self.gradient_sizes).sum::<usize>()
    }

    /// Memory of activations, gradients and folded weights in bytes.
    pub fn bytes(&self) -> usize {
        let held = self.plan.steps.iter().map(|step| step.op.held());
        let buffers = self.buffers.iter().chain(&self.gradients).map(|b| b.len());
        size_of::<f32>() * held.chain(buffers).sum::<usize>() + self.workspace.bytes()
    }
}
