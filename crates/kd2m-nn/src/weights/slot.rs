//! What a file has under a name, before values are read.

use std::collections::BTreeMap;

/// A tensor's shape, or what is there instead.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Slot {
    /// A tensor of floating-point numbers of this shape.
    Tensor(Vec<usize>),
    /// Something else, as a phrase after its name: "is a numpy.ndarray, which is not read".
    Other(String),
}

impl Slot {
    /// What is there in place of a tensor.
    pub fn other(&self) -> Option<&str> {
        match self {
            Self::Tensor(_) => None,
            Self::Other(what) => Some(what),
        }
    }
}

/// By name.
pub(super) type Slots = BTreeMap<String, Slot>;

/// Counters of batch norms in PyTorch: no weights, whatever their type.
const COUNTER: &str = "num_batches_tracked";

/// Whether a network may have this name without its being asked for.
pub(super) fn is_no_weight(name: &str, slot: &Slot) -> bool {
    matches!(slot, Slot::Other(_)) || name.ends_with(COUNTER)
}

/// Named tensors at one place of a file.
pub(super) struct Dict {
    /// Keys that lead to it, joined by dots; empty for the root.
    pub key: String,
    pub slots: Slots,
}
