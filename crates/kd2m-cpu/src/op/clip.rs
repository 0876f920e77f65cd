//! min(max(x, min), max) of any limits.

use super::activation;
use crate::{
    epilogue::Activation,
    plan::{Compiler, Place},
};

pub fn plan(c: &mut Compiler, node: usize, min: &f32, max: &f32) -> Place {
    activation::plan(c, node, Activation::Clip(*min, *max))
}
