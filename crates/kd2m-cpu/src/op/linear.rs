//! Linear layers: convolutions of maps, of one position or of many, or of tokens.

use kd2m_nn::Linear;

use super::convolution::{POINT, product};
use crate::plan::{Compiler, Place};

pub fn plan(c: &mut Compiler, node: usize, _: &Linear) -> Place {
    product(c, node, POINT, 1)
}
