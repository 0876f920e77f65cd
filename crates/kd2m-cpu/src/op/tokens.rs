//! Places of maps as tokens.

use crate::plan::{Compiler, Place};

/// Maps lie place by place, `[h][w][n][c]`: they are tokens `[t][n][c]` already.
pub fn plan(c: &mut Compiler, node: usize) -> Place {
    Place::Stored(c.value(c.input(node, 0)))
}
