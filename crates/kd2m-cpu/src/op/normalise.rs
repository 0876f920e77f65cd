//! Normalisation by given means and deviations: a part of reading the images, or inside a network.

use super::{Backward, Dx, Forward, Op, input::Images};
use crate::{
    epilogue::Activation,
    norm::affine,
    plan::{Compiler, Place},
};

/// Factor and summand of each channel.
struct Normalise {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// Taken into the images where they are read.
pub fn plan(c: &mut Compiler, node: usize, mean: &[f32], std: &[f32]) -> Place {
    let scale: Vec<f32> = std.iter().map(|s| 1.0 / s).collect();
    let shift: Vec<f32> = mean.iter().zip(&scale).map(|(m, s)| -m * s).collect();
    let images = c.take(c.input(node, 0), |pending| match pending.op_mut::<Images>() {
        Some(images) => {
            images.scale.clone_from(&scale);
            images.shift.clone_from(&shift);
            true
        }
        None => false,
    });
    match images {
        Some(images) => Place::Pending(images),
        None => c.stored(node, Normalise { scale, shift }),
    }
}

impl Op for Normalise {
    fn kind(&self) -> &'static str {
        "images"
    }

    fn over_dy(&self, _: bool) -> bool {
        true
    }

    fn forward(&mut self, step: Forward) {
        affine(step.isa, (&self.scale, &self.shift), step.inputs[0], step.y, step.residual, step.activation);
    }

    fn backward(&mut self, step: Backward) {
        let shift = vec![0.0; self.scale.len()];
        match step.dx {
            Dx::Own { values, add } => {
                let before = add.then(|| values.to_vec());
                affine(step.isa, (&self.scale, &shift), step.dy, values, before.as_deref(), Activation::None);
            }
            Dx::OverDy => {
                let copy = step.dy.to_vec();
                affine(step.isa, (&self.scale, &shift), &copy, step.dy, None, Activation::None);
            }
            Dx::None => {}
        }
    }
}
