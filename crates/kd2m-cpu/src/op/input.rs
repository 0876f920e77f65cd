//! The network's input: images of PyTorch's layout in the engine's, normalised on the way.

use kd2m_nn::Layer;

use super::{Backward, Forward, Op};
use crate::{
    layout::{Extent, from_nchw, from_nchw_padded},
    plan::{Compiler, Pending, Place},
};

/// First layers with so few channels read images with a border (see [`Source::PaddedImages`](crate::conv::Source)).
const IMAGE_CHANNELS: usize = 4;

/// Images to the engine's layout; factor and summand of each channel.
pub struct Images {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
    extent: Extent,
    border: Option<[usize; 2]>,
}

pub fn plan(c: &Compiler, node: usize) -> Place {
    let extent = c.extent(node);
    let (scale, shift) = (vec![1.0; extent.channels], vec![0.0; extent.channels]);
    Place::Pending(Pending::new("input", Images { scale, shift, extent, border: None }, vec![]))
}

/// The border that suits all readers of the images, if all are convolutions over few channels.
fn common_border(c: &Compiler, node: usize) -> Option<[usize; 2]> {
    if c.is_output(node) || c.extent(node).channels > IMAGE_CHANNELS {
        return None;
    }
    let mut border = [0, 0];
    for reader in c.readers(node) {
        match &c.graph.nodes()[*reader].layer {
            Layer::Conv(conv) if conv.groups == 1 && conv.dilation[1] == 1 && conv.kernel[1] > 1 => {
                border = [border[0].max(conv.padding[0]), border[1].max(conv.padding[1])];
            }
            _ => return None,
        }
    }
    Some(border)
}

impl Op for Images {
    fn kind(&self) -> &'static str {
        "images"
    }

    fn border(&mut self, c: &Compiler, node: usize) -> Option<[usize; 2]> {
        self.border = common_border(c, node);
        self.border
    }

    fn forward(&mut self, step: Forward) {
        let affine = |c: usize| (self.scale[c], self.shift[c]);
        match self.border {
            Some(border) => from_nchw_padded(step.images, step.y, self.extent, border, affine),
            None => from_nchw(step.images, step.y, step.n, self.extent, affine),
        }
    }

    /// Nothing upstream has parameters.
    fn backward(&mut self, _: Backward) {}
}
