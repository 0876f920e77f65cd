//! Engines whose classifier is treated apart from the network below it: kept as it is, or held to a gentle slope.

mod frozen;
mod lipschitz;

pub use frozen::FrozenHead;
pub use lipschitz::LipschitzHead;

use super::inner::left_to_inner;
