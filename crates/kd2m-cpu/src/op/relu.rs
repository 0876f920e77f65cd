//! max(x, 0).

use super::activation;
use crate::{
    epilogue::Activation,
    plan::{Compiler, Place},
};

pub fn plan(c: &mut Compiler, node: usize) -> Place {
    activation::plan(c, node, Activation::Relu)
}
