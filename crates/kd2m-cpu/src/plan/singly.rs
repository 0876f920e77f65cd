//! Which steps of an evaluation run sample by sample: the first ones of networks on large images, whose maps of a whole batch would wait
//! for memory. Later maps are small, and there a batch shares the reading of the weights.

use super::{Plan, Step, ValueId};

/// Bytes that a step reads and writes of one sample from which on those of a batch leave a last-level cache.
const LARGE: usize = 2 << 20;

/// The first steps, each sample by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Singly {
    /// How many.
    pub steps: usize,
    /// The only one of their values that later steps read; it comes to lie there for the whole batch.
    pub value: ValueId,
}

/// The steps of a plan that run so: up to the last large one, or as many of them as can.
pub fn singly(plan: &Plan) -> Option<Singly> {
    before(plan, LARGE)
}

/// The same with this measure of a large step.
pub fn before(plan: &Plan, large: usize) -> Option<Singly> {
    let length = |value: &ValueId| plan.values[*value].len();
    let bytes = |step: &Step| {
        let values = step.inputs.iter().chain(&step.residual).chain([&step.output]);
        size_of::<f32>() * values.map(length).sum::<usize>()
    };
    let last = plan.steps.iter().rposition(|step| bytes(step) >= large)? + 1;
    let most = plan.steps.iter().position(|step| !step.op.each_by_itself()).unwrap_or(plan.steps.len() - 1);
    let at = |steps: usize| carried(plan, steps).map(|value| Singly { steps, value });
    (last..=most).find_map(at).or_else(|| (1..last.min(most + 1)).rev().find_map(at))
}

/// The value that alone goes from the first steps to those behind them.
fn carried(plan: &Plan, steps: usize) -> Option<ValueId> {
    let (first, rest) = plan.steps.split_at(steps);
    let read = rest.iter().flat_map(|step| step.inputs.iter().chain(&step.residual).copied()).chain(plan.outputs());
    let mut across = read.filter(|value| first.iter().any(|step| step.output == *value));
    let value = across.next()?;
    (plan.values[value].border.is_none() && across.all(|other| other == value)).then_some(value)
}
