//! A plan with its buffers: runs forward and backward over one batch.

mod backward;
mod forward;

use std::{collections::BTreeMap, time::Instant};

use kd2m_nn::step::Draws;

use crate::{
    aligned::Aligned,
    conv::Workspace,
    isa::Isa,
    plan::{BackwardStep, Plan, Purpose, Singly, ValueId, backward as plan_backward, forward_slots, singly},
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
    sizes: Vec<Size>,
    buffers: Vec<Aligned>,
    /// The first steps, which run sample by sample.
    singly: Option<Singly>,
    /// What they leave, of the whole batch; it changes places with the value's buffer.
    together: Aligned,
    backward_steps: Vec<BackwardStep>,
    gradient_slots: Vec<Option<usize>>,
    gradient_sizes: Vec<usize>,
    gradients: Vec<Aligned>,
    /// The version of the parameters that what evaluation derives from them was made of.
    refreshed_at: Option<u64>,
    /// Samples of the last forward pass.
    pub n: usize,
    /// What the next forward pass leaves out at random is drawn from these.
    pub draws: Draws,
    /// Seconds by kind of work.
    pub profile: BTreeMap<&'static str, f64>,
}

/// Values that a buffer holds.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Of one sample at a time.
    single: usize,
    /// Of each sample.
    each: usize,
}

impl Size {
    fn of(&self, n: usize) -> usize {
        self.single.max(n * self.each)
    }
}

/// The size of each buffer, where values of the first steps are of one sample at a time.
fn sizes(plan: &Plan, slots: &[usize], singly: Option<&Singly>) -> Vec<Size> {
    let mut sizes = vec![Size::default(); slots.iter().filter(|slot| **slot != usize::MAX).max().map_or(0, |m| m + 1)];
    for (index, step) in plan.steps.iter().enumerate() {
        let (size, length) = (&mut sizes[slots[step.output]], plan.values[step.output].len());
        let is_single = singly.is_some_and(|singly| index < singly.steps);
        if is_single {
            size.single = size.single.max(length);
        }
        if !is_single || singly.is_some_and(|singly| step.output == singly.value) {
            size.each = size.each.max(length);
        }
    }
    sizes
}

/// Adds the seconds since `start` to a kind of work.
pub fn clock(profile: &mut BTreeMap<&'static str, f64>, part: &'static str, start: Instant) {
    *profile.entry(part).or_default() += start.elapsed().as_secs_f64();
}

impl Program {
    pub fn new(plan: Plan, purpose: Purpose, isa: Isa, frozen: bool) -> Self {
        let keep = purpose == Purpose::Training;
        let slots = forward_slots(&plan, keep);
        // Of parameters that change, the number of samples may decide the kernel.
        let singly = if frozen && !keep { singly(&plan) } else { None };
        let sizes = sizes(&plan, &slots, singly.as_ref());
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
            singly,
            together: Aligned::default(),
            backward_steps,
            gradient_slots,
            gradient_sizes,
            n: 0,
            draws: Draws::default(),
            profile: BTreeMap::new(),
        }
    }

    /// A value of the last forward pass.
    pub fn value(&self, id: ValueId) -> &[f32] {
        &self.buffers[self.slots[id]][..self.n * self.plan.values[id].len()]
    }

    /// Memory of activations and gradients of n samples in bytes.
    pub fn bytes_for(&self, n: usize) -> usize {
        let together = self.singly.filter(|_| n > 1).map_or(0, |singly| self.sizes[self.slots[singly.value]].of(n));
        let gradients = n * self.gradient_sizes.iter().sum::<usize>();
        size_of::<f32>() * (self.sizes.iter().map(|size| size.of(n)).sum::<usize>() + together + gradients)
    }

    /// Memory of activations, gradients and folded weights in bytes.
    pub fn bytes(&self) -> usize {
        let held = self.plan.steps.iter().map(|step| step.op.held());
        let buffers = self.buffers.iter().chain(&self.gradients).chain([&self.together]).map(|b| b.len());
        size_of::<f32>() * held.chain(buffers).sum::<usize>() + self.workspace.bytes()
    }
}
