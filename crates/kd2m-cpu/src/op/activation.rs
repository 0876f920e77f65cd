//! Activations that are limits: ReLU, ReLU6 and any others. They cost nothing where the step before them can take them in.

use super::identity::Identity;
use crate::{
    epilogue::Activation,
    plan::{Compiler, Pending, Place},
};

/// Taken in by the step before it, after its residual if it has one.
pub fn plan(c: &mut Compiler, node: usize, activation: Activation) -> Place {
    let input = c.input(node, 0);
    let taken = c.take(input, |pending| pending.activation == Activation::None && pending.op.takes_in());
    let pending = taken.unwrap_or_else(|| {
        let identity = Identity(c.extent(node).channels);
        Pending::new(c.name(node), identity, vec![c.value(input)])
    });
    Place::Pending(Pending { activation, ..pending })
}
