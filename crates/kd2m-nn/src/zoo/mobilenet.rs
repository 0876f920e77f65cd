//! MobileNetV2 (Sandler et al. 2018) as the distillation literature has it: half width, for 32×32 images, RepDistiller's keys.
//! ReLU instead of ReLU6, an expansion layer even where the factor is one, 1,280 features whatever the width.

use super::{ZooOptions, blocks::conv_bn};
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Init, Linear, Ramp},
};

const FEATURES: usize = 1280;

/// Expansion, channels at full width, repetitions, stride of the first.
const SETTINGS: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// The blocks that the literature takes as hints.
const STAGES: [usize; 4] = [1, 2, 4, 6];

/// `MobileNetV2` of width one half.
pub(super) fn half(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin("MobileNetV2");
    let x = conv_bn(&mut b, "conv1.0", "conv1.1", x, Conv::square(options.channels, 16, 3).stride(2));
    let mut x = b.relu("conv1.2", x);
    b.stage("stem", x);
    b.ramp(Ramp::ToBehind);
    for (group, (expansion, channels, repetitions, stride)) in SETTINGS.into_iter().enumerate() {
        for i in 0..repetitions {
            let stride = if i == 0 { stride } else { 1 };
            x = inverted_residual(&mut b, &format!("blocks.{group}.{i}."), x, expansion, channels / 2, stride);
            b.block(x);
        }
        if let Some(stage) = STAGES.iter().position(|s| *s == group) {
            b.stage(&format!("layer{}", stage + 1), x);
        }
    }
    let conv = Conv::square(b.shape(x).channels(), FEATURES, 1);
    let x = conv_bn(&mut b, "conv2.0", "conv2.1", x, conv);
    let x = b.relu("conv2.2", x);
    let features = b.global_avg_pool("avgpool", x);
    let linear = Linear { init: Init::Normal(0.01), ..Linear::new(FEATURES, options.classes) };
    let logits = b.linear("classifier.0", features, linear);
    b.finish(features, logits)
}

/// Widen, filter each channel by itself, narrow; the sum has no ReLU.
fn inverted_residual(
    b: &mut GraphBuilder,
    module: &str,
    x: NodeId,
    expansion: usize,
    channels: usize,
    stride: usize,
) -> NodeId {
    let inputs = b.shape(x).channels();
    let wide = inputs * expansion;
    let part = |i: usize| format!("{module}conv.{i}");
    let y = conv_bn(b, &part(0), &part(1), x, Conv::square(inputs, wide, 1));
    let y = b.relu(&part(2), y);
    let y = conv_bn(b, &part(3), &part(4), y, Conv::square(wide, wide, 3).stride(stride).groups(wide));
    let y = b.relu(&part(5), y);
    let y = conv_bn(b, &part(6), &part(7), y, Conv::square(wide, channels, 1));
    if stride == 1 && inputs == channels { b.add(&format!("{module}add"), x, y) } else { y }
}
