//! Which buffer each value of an evaluation lives in: a buffer is free again after the last step that reads its value.

use super::{Plan, ValueId};

/// Hands out buffer numbers and takes them back; the best-fitting free one is used again.
#[derive(Default)]
pub struct Allocator {
    /// Values of one sample that each buffer holds at least.
    pub sizes: Vec<usize>,
    free: Vec<usize>,
}

impl Allocator {
    pub fn take(&mut self, size: usize) -> usize {
        let fitting = self.free.iter().enumerate().filter(|(_, slot)| self.sizes[**slot] >= size);
        let best = fitting.min_by_key(|(_, slot)| self.sizes[**slot]).map(|(i, _)| i);
        // Else grow the largest free one rather than add another.
        let best = best.or_else(|| (0..self.free.len()).max_by_key(|i| self.sizes[self.free[*i]]));
        match best {
            Some(i) => {
                let slot = self.free.swap_remove(i);
                self.sizes[slot] = self.sizes[slot].max(size);
                slot
            }
            None => {
                self.sizes.push(size);
                self.sizes.len() - 1
            }
        }
    }

    pub fn give_back(&mut self, slot: usize) {
        self.free.push(slot);
    }
}

/// The buffer of each value. With `keep`, every value has its own.
pub fn forward_slots(plan: &Plan, keep: bool) -> Vec<usize> {
    if keep {
        return (0..plan.values.len()).collect();
    }
    let mut last = vec![0; plan.values.len()];
    for (i, step) in plan.steps.iter().enumerate() {
        last[step.output] = i;
        step.inputs.iter().chain(&step.residual).for_each(|v| last[*v] = i);
    }
    plan.outputs().for_each(|v| last[v] = usize::MAX);
    let mut allocator = Allocator::default();
    let mut slots = vec![usize::MAX; plan.values.len()];
    for (i, step) in plan.steps.iter().enumerate() {
        slots[step.output] = allocator.take(plan.values[step.output].len());
        let mut done: Vec<ValueId> = step.inputs.iter().chain(&step.residual).copied().collect();
        done.push(step.output);
        done.sort_unstable();
        done.dedup();
        done.into_iter().filter(|v| last[*v] == i).for_each(|v| allocator.give_back(slots[v]));
    }
    slots
}
