//! The order of gradients: which buffer each value's gradient lives in, and whether a step writes it, adds to it or hands its own on.

use super::{Plan, ValueId, slots::Allocator};

/// How a step's gradient reaches one of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GradientTarget {
    /// The input needs none.
    None,
    /// The gradient of the output becomes that of the input: same buffer, no copy.
    Take,
    /// Into a buffer of its own, which it is the first to write (adds if an output's gradient is there already).
    Own,
}

/// The backward pass of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackwardStep {
    pub step: usize,
    /// For the inputs in order, then the residual.
    pub targets: Vec<(ValueId, GradientTarget)>,
}

/// Backward steps in order, the buffer of each value's gradient, and the size of each buffer for one sample.
pub fn backward(plan: &Plan) -> (Vec<BackwardStep>, Vec<Option<usize>>, Vec<usize>) {
    let mut allocator = Allocator::default();
    let mut slots: Vec<Option<usize>> = vec![None; plan.values.len()];
    let outputs: Vec<ValueId> = plan.outputs().collect();
    let mut steps = Vec::new();
    for (index, step) in plan.steps.iter().enumerate().rev() {
        let needed = plan.values[step.output].needs_gradient;
        if slots[step.output].is_none() && outputs.contains(&step.output) && needed {
            slots[step.output] = Some(allocator.take(plan.values[step.output].len()));
        }
        let (true, Some(own)) = (needed, slots[step.output]) else { continue };
        let mut taken = false;
        let mut targets = Vec::new();
        // The residual's gradient is dy itself (unless the step reads the same value as its input, which needs dy until the end);
        // the input's may be written over dy if the residual has no use for it.
        let residual = step.residual.map(|v| (v, !step.inputs.contains(&v)));
        let residual_needs = step.residual.is_some_and(|v| plan.values[v].needs_gradient);
        let over_dy = step.op.over_dy(residual_needs);
        let inputs = step.inputs.iter().map(|v| (*v, over_dy));
        for (value, may_take) in residual.into_iter().chain(inputs) {
            let target = if !plan.values[value].needs_gradient {
                GradientTarget::None
            } else if slots[value].is_some() {
                GradientTarget::Own
            } else if may_take && !taken {
                taken = true;
                slots[value] = Some(own);
                GradientTarget::Take
            } else {
                slots[value] = Some(allocator.take(plan.values[value].len()));
                GradientTarget::Own
            };
            targets.push((value, target));
        }
        if step.residual.is_some() {
            targets.rotate_left(1);
        }
        if !taken {
            allocator.give_back(own);
        }
        steps.push(BackwardStep { step: index, targets });
    }
    (steps, slots, allocator.sizes)
}
