//! Pieces that several families share.

use crate::{
    graph::{GraphBuilder, NodeId},
    layer::{Conv, Layer, Linear, Pool},
};

/// Convolution and batch norm under their two names.
pub(super) fn conv_bn(b: &mut GraphBuilder, conv_name: &str, bn_name: &str, x: NodeId, conv: Conv) -> NodeId {
    let x = b.conv(conv_name, x, conv);
    b.batch_norm(bn_name, x)
}

/// Convolution, batch norm and ReLU number `i` of a module: `conv1`, `bn1`, `relu1`.
pub(super) fn unit(b: &mut GraphBuilder, module: &str, i: usize, x: NodeId, conv: Conv) -> NodeId {
    let x = conv_bn(b, &format!("{module}conv{i}"), &format!("{module}bn{i}"), x, conv);
    b.relu(&format!("{module}relu{i}"), x)
}

/// Global average pool and classifier: the features and the logits.
pub(super) fn head(b: &mut GraphBuilder, classifier: &str, x: NodeId, classes: usize) -> (NodeId, NodeId) {
    let features = b.global_avg_pool("avgpool", x);
    let linear = Linear::new(b.shape(features).len(), classes);
    let logits = b.linear(classifier, features, linear);
    (features, logits)
}

/// The residual blocks of He et al. (2016), post-activation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Residual {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 (which takes the stride, as in torchvision), 1×1 to four times the width.
    Bottleneck,
    /// The same with twice the width between (Zagoruyko & Komodakis 2016).
    WideBottleneck,
}

impl Residual {
    fn expansion(self) -> usize {
        match self {
            Residual::Basic => 1,
            Residual::Bottleneck | Residual::WideBottleneck => 4,
        }
    }
}

/// What leads past a block whose output has another shape (He et al. 2016, section 3.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shortcut {
    /// A 1×1 convolution and batch norm (option B).
    Projection,
    /// Every other place, half of the new channels as zeros on either side (option A).
    Zeros,
}

/// A stage `name` of residual blocks; the first takes the stride, and a shortcut where the shapes differ.
pub(super) fn residual_stage(
    b: &mut GraphBuilder,
    name: &str,
    mut x: NodeId,
    (kind, shortcut): (Residual, Shortcut),
    width: usize,
    blocks: usize,
    stride: usize,
) -> NodeId {
    for i in 0..blocks {
        x = residual_block(b, &format!("{name}.{i}."), x, (kind, shortcut), width, if i == 0 { stride } else { 1 });
        b.block(x);
    }
    b.stage(name, x);
    x
}

fn residual_block(
    b: &mut GraphBuilder,
    module: &str,
    x: NodeId,
    (kind, shortcut): (Residual, Shortcut),
    width: usize,
    stride: usize,
) -> NodeId {
    let inputs = b.shape(x).channels();
    let outputs = width * kind.expansion();
    let last = |i: usize| (format!("{module}conv{i}"), format!("{module}bn{i}"));
    let (branch, relu) = match kind {
        Residual::Basic => {
            let y = unit(b, module, 1, x, Conv::square(inputs, width, 3).stride(stride));
            let (conv, bn) = last(2);
            (conv_bn(b, &conv, &bn, y, Conv::square(width, width, 3)), "relu2")
        }
        Residual::Bottleneck | Residual::WideBottleneck => {
            let inner = if kind == Residual::WideBottleneck { 2 * width } else { width };
            let y = unit(b, module, 1, x, Conv::square(inputs, inner, 1));
            let y = unit(b, module, 2, y, Conv::square(inner, inner, 3).stride(stride));
            let (conv, bn) = last(3);
            (conv_bn(b, &conv, &bn, y, Conv::square(inner, outputs, 1)), "relu3")
        }
    };
    let shortcut = match shortcut {
        _ if stride == 1 && inputs == outputs => x,
        Shortcut::Projection => {
            let projection = Conv::square(inputs, outputs, 1).stride(stride);
            conv_bn(b, &format!("{module}downsample.0"), &format!("{module}downsample.1"), x, projection)
        }
        Shortcut::Zeros => {
            let every = Layer::AvgPool(Pool::new([1; 2], [stride; 2], [0; 2]));
            let x = b.push(&format!("{module}shortcut.places"), every, &[x]);
            let before = (outputs - inputs) / 2;
            let zeros = Layer::PadChannels { before, after: outputs - inputs - before };
            b.push(&format!("{module}shortcut.zeros"), zeros, &[x])
        }
    };
    let sum = b.add(&format!("{module}add"), branch, shortcut);
    b.relu(&format!("{module}{relu}"), sum)
}
