//! Sums of two branches. They cost nothing where the step that ends one of them can take them in.

use super::identity::Identity;
use crate::{
    epilogue::Activation,
    plan::{Compiler, Pending, Place},
};

/// Taken in by the last step of either branch, if nothing stands between.
pub fn plan(c: &mut Compiler, node: usize) -> Place {
    let (a, b) = (c.input(node, 0), c.input(node, 1));
    for (first, second) in [(a, b), (b, a)] {
        let taken = c.take(first, |pending| {
            pending.activation == Activation::None && pending.residual.is_none() && pending.op.takes_in()
        });
        if let Some(pending) = taken {
            let residual = Some(c.value(second));
            return Place::Pending(Pending { residual, ..pending });
        }
    }
    let identity = Identity(c.extent(node).channels);
    let pending = Pending::new(c.name(node), identity, vec![c.value(a)]);
    Place::Pending(Pending { residual: Some(c.value(b)), ..pending })
}
