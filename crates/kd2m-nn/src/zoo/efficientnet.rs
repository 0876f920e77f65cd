//! EfficientNet-Lite0 under timm's keys, with PyTorch's padding (`efficientnet_lite0`) and with TensorFlow's (`tf_efficientnet_lite0`), which
//! are two networks of the same tensors; EfficientNet-B0 (Tan & Le 2019) under torchvision's.

use super::{
    ZooOptions,
    blocks::head,
    mobile::{Block, Style, gate},
};
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Layer},
};

/// Expansion, kernel, channels, repetitions, stride of the first.
const SETTINGS: [[usize; 5]; 7] = [
    [1, 3, 16, 1, 1],
    [6, 3, 24, 2, 2],
    [6, 5, 40, 2, 2],
    [6, 3, 80, 3, 2],
    [6, 5, 112, 3, 1],
    [6, 5, 192, 4, 2],
    [6, 3, 320, 1, 1],
];

/// The last groups of each resolution.
const STAGES: [usize; 4] = [1, 2, 4, 6];

const STEM: usize = 32;
const FEATURES: usize = 1280;

/// timm's `efficientnet_lite0`.
pub(super) fn lite0(options: &ZooOptions) -> Result<Graph, GraphError> {
    lite("efficientnet_lite0", options, Style::TORCH)
}

/// timm's `tf_efficientnet_lite0`: what TensorFlow's weights, and their ports, were trained as.
pub(super) fn tf_lite0(options: &ZooOptions) -> Result<Graph, GraphError> {
    lite("tf_efficientnet_lite0", options, Style { eps: 1e-3, same: true, ..Style::TORCH })
}

/// The place of a group's block among all blocks, by which TensorFlow's ports name them.
pub(crate) fn number(group: usize, block: usize) -> Option<usize> {
    let before: usize = SETTINGS.get(..group)?.iter().map(|[.., repetitions, _]| repetitions).sum();
    Some(before + block)
}

/// The groups of blocks and the stages at their ends; a group's number, the block's in it, and the block.
fn groups(
    b: &mut GraphBuilder,
    mut x: NodeId,
    mut block: impl FnMut(&mut GraphBuilder, usize, usize, NodeId, Block) -> NodeId,
) -> NodeId {
    b.stage("stem", x);
    for (group, [expansion, kernel, channels, repetitions, stride]) in SETTINGS.into_iter().enumerate() {
        for i in 0..repetitions {
            let wide = expansion * b.shape(x).channels();
            x = block(b, group, i, x, Block { wide, kernel, stride: if i == 0 { stride } else { 1 }, channels });
        }
        if let Some(stage) = STAGES.iter().position(|s| *s == group) {
            b.stage(&format!("layer{}", stage + 1), x);
        }
    }
    x
}

fn lite(name: &str, options: &ZooOptions, style: Style) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin(name);
    let relu6 = || Some(Layer::Relu6);
    let stem = Conv::square(options.channels, STEM, 3).stride(2);
    let x = style.unit(&mut b, ["conv_stem", "bn1"], x, stem, relu6());
    let x = groups(&mut b, x, |b, group, i, x, block| {
        let module = format!("blocks.{group}.{i}.");
        let unit = |b: &mut GraphBuilder, names: [&str; 2], x, conv, activation| {
            let [conv_name, bn_name] = names.map(|name| format!("{module}{name}"));
            style.unit(b, [&conv_name, &bn_name], x, conv, activation)
        };
        let y = match block.convolutions(b.shape(x).channels()) {
            (None, filter, narrow) => {
                let y = unit(b, ["conv_dw", "bn1"], x, filter, relu6());
                unit(b, ["conv_pw", "bn2"], y, narrow, None)
            }
            (Some(widen), filter, narrow) => {
                let y = unit(b, ["conv_pw", "bn1"], x, widen, relu6());
                let y = unit(b, ["conv_dw", "bn2"], y, filter, relu6());
                unit(b, ["conv_pwl", "bn3"], y, narrow, None)
            }
        };
        block.close(b, &module, x, y)
    });
    let last = Conv::square(b.shape(x).channels(), FEATURES, 1);
    let x = style.unit(&mut b, ["conv_head", "bn2"], x, last, relu6());
    let (features, logits) = head(&mut b, "classifier", x, options.classes);
    b.finish(features, logits)
}

/// torchvision's `efficientnet_b0`.
pub(super) fn b0(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin("efficientnet_b0");
    let unit = |b: &mut GraphBuilder, module: &str, x, conv, activation| {
        Style::TORCH.unit(b, [&format!("{module}.0"), &format!("{module}.1")], x, conv, activation)
    };
    let silu = || Some(Layer::Silu);
    let x = unit(&mut b, "features.0", x, Conv::square(options.channels, STEM, 3).stride(2), silu());
    let x = groups(&mut b, x, |b, group, i, x, block| {
        let inputs = b.shape(x).channels();
        let module = format!("features.{}.{i}.block.", group + 1);
        let (widen, filter, narrow) = block.convolutions(inputs);
        let mut part = 0;
        let mut next = || {
            part += 1;
            format!("{module}{}", part - 1)
        };
        let y = widen.map_or(x, |conv| unit(b, &next(), x, conv, silu()));
        let y = unit(b, &next(), y, filter, silu());
        let y = gate(b, &next(), y, (inputs / 4).max(1), [Layer::Silu, Layer::Sigmoid]);
        let y = unit(b, &next(), y, narrow, None);
        block.close(b, &module, x, y)
    });
    let last = Conv::square(b.shape(x).channels(), FEATURES, 1);
    let x = unit(&mut b, "features.8", x, last, silu());
    let (features, logits) = head(&mut b, "classifier.1", x, options.classes);
    b.finish(features, logits)
}
