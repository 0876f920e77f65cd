//! What the networks for phones have in common (Sandler et al. 2018): units of convolution, batch norm and activation, gates over
//! channels (Hu et al. 2018), and blocks that widen, filter each channel by itself and narrow, whose sum has no activation.

use crate::{
    graph::{GraphBuilder, NodeId, Shape},
    layer::{BatchNorm, Conv, Layer, Pool, Ramp},
};

/// In what the families differ.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Of batch norms.
    pub eps: f32,
    /// Of batch norms.
    pub momentum: f32,
    /// TensorFlow's padding: as much as makes ⌈size / stride⌉ places, the odd zero behind.
    pub same: bool,
}

impl Style {
    /// PyTorch's defaults.
    pub const TORCH: Self = Self { eps: 1e-5, momentum: 0.1, same: false };

    /// Convolution, batch norm and activation under the first two's names; the padding is the style's.
    pub fn unit(
        self,
        b: &mut GraphBuilder,
        [conv_name, bn_name]: [&str; 2],
        x: NodeId,
        conv: Conv,
        activation: Option<Layer>,
    ) -> NodeId {
        let x = self.conv(b, conv_name, x, conv);
        let norm = BatchNorm { eps: self.eps, momentum: self.momentum, ..BatchNorm::new(b.shape(x).channels()) };
        let x = b.push(bn_name, Layer::BatchNorm(norm), &[x]);
        activation.map_or(x, |layer| b.push(&format!("{bn_name}.act"), layer, &[x]))
    }

    fn conv(self, b: &mut GraphBuilder, name: &str, x: NodeId, mut conv: Conv) -> NodeId {
        let (true, [height, width]) = (self.same, sides(b, x)) else { return b.conv(name, x, conv) };
        let along = |axis: usize, size: usize| {
            let places = size.div_ceil(conv.stride[axis]);
            let total = ((places - 1) * conv.stride[axis] + conv.kernel[axis]).saturating_sub(size);
            (total / 2, total - total / 2)
        };
        let ((top, bottom), (left, right)) = (along(0, height), along(1, width));
        conv.padding = [top, left];
        if [top, left] == [bottom, right] {
            return b.conv(name, x, conv);
        }
        conv.padding = [0; 2];
        let x = b.push(&format!("{name}.pad"), Layer::Pad { around: [top, left, bottom, right] }, &[x]);
        b.conv(name, x, conv)
    }
}

/// Height and width of a map.
fn sides(b: &GraphBuilder, x: NodeId) -> [usize; 2] {
    match b.shape(x) {
        Shape::Map { height, width, .. } => [height, width],
        _ => [1; 2],
    }
}

/// A factor for each channel from the mean of all: 1×1 convolutions `fc1` to fewer channels and `fc2` back, an activation after each.
pub(super) fn gate(
    b: &mut GraphBuilder,
    module: &str,
    x: NodeId,
    squeezed: usize,
    [inner, outer]: [Layer; 2],
) -> NodeId {
    let (channels, sides) = (b.shape(x).channels(), sides(b, x));
    // A map of one place, not a vector: the weights are those of convolutions.
    let mean = b.push(&format!("{module}.avgpool"), Layer::AvgPool(Pool::new(sides, sides, [0; 2])), &[x]);
    let y = b.conv(&format!("{module}.fc1"), mean, Conv::square(channels, squeezed, 1).with_bias());
    let y = b.push(&format!("{module}.activation"), inner, &[y]);
    let y = b.conv(&format!("{module}.fc2"), y, Conv::square(squeezed, channels, 1).with_bias());
    let y = b.push(&format!("{module}.scale_activation"), outer, &[y]);
    b.push(&format!("{module}.mul"), Layer::Mul, &[x, y])
}

/// What a block widens to, filters by and narrows to.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub wide: usize,
    pub kernel: usize,
    pub stride: usize,
    pub channels: usize,
}

impl Block {
    /// Its convolutions on a map of so many channels: none widens what is wide enough.
    pub fn convolutions(self, inputs: usize) -> (Option<Conv>, Conv, Conv) {
        let Self { wide, kernel, stride, channels } = self;
        (
            (wide != inputs).then(|| Conv::square(inputs, wide, 1)),
            Conv::square(wide, wide, kernel).stride(stride).groups(wide),
            Conv::square(wide, channels, 1),
        )
    }

    /// The input added where it has the output's shape.
    pub fn close(self, b: &mut GraphBuilder, module: &str, x: NodeId, y: NodeId) -> NodeId {
        let same = self.stride == 1 && b.shape(x).channels() == self.channels;
        let end = if same { b.add(&format!("{module}add"), x, y) } else { y };
        b.block(end);
        b.ramp(Ramp::ToBehind);
        end
    }
}

/// `channels` to the nearest multiple of 8, but not to less than nine tenths.
pub(super) fn eights(channels: usize) -> usize {
    let near = ((channels + 4) / 8 * 8).max(8);
    if 10 * near < 9 * channels { near + 8 } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eights_are_torchvision_s() {
        // _make_divisible(c, 8).
        for (channels, right) in [(4, 8), (16, 16), (18, 24), (22, 24), (60, 64), (100, 104), (172, 176)] {
            assert_eq!(eights(channels), right, "{channels}");
        }
    }

    /// TensorFlow's rule: outputs ⌈size / stride⌉, the odd zero behind.
    #[test]
    fn padding_of_the_same_style_is_tensorflow_s() {
        for (size, kernel, stride, around) in [
            (224, 3, 2, Some([0, 0, 1, 1])),
            (112, 5, 2, Some([1, 1, 2, 2])),
            (225, 3, 2, None),
            (7, 3, 2, None),
            (14, 3, 1, None),
            (14, 5, 2, Some([1, 1, 2, 2])),
        ] {
            let (mut b, x) = GraphBuilder::new("x", 2, size, size, &[0.0; 2], &[1.0; 2]);
            let style = Style { same: true, ..Style::TORCH };
            let y = style.unit(&mut b, ["conv", "bn"], x, Conv::square(2, 2, kernel).stride(stride), None);
            let side = size.div_ceil(stride);
            assert_eq!(b.shape(y), Shape::Map { channels: 2, height: side, width: side }, "{size}");
            let found = b.find("conv.pad");
            let features = b.global_avg_pool("pool", y);
            let graph = b.finish(features, features).unwrap();
            let found = found.map(|id| graph.node(id).layer.clone());
            assert_eq!(found, around.map(|around| Layer::Pad { around }), "{size}, {kernel}×{kernel} /{stride}");
        }
    }
}
