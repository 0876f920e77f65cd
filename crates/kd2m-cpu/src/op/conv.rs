//! Two-dimensional convolutions.

use kd2m_nn::Conv;

use super::convolution::{product, window_of};
use crate::plan::{Compiler, Place};

pub fn plan(c: &mut Compiler, node: usize, conv: &Conv) -> Place {
    product(c, node, window_of(conv), conv.groups)
}
