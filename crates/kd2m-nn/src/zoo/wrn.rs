//! Wide residual networks (Zagoruyko & Komodakis 2016), depth 6n + 4, pre-activation, with RepDistiller's keys.
//! Stages `layer1`…`layer3` are the sums before the next batch norm, as the distillation literature takes them.

use super::ZooOptions;
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Init, Linear},
};

/// Three blocks of 16, 32 and 64 channels times `widen`.
pub(super) fn wrn(name: &str, options: &ZooOptions, depth: usize, widen: usize) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin(name);
    let mut x = b.conv("conv1", x, Conv::square(options.channels, 16, 3));
    b.stage("stem", x);
    for stage in 1..=3 {
        for i in 0..(depth - 4) / 6 {
            let stride = if stage > 1 && i == 0 { 2 } else { 1 };
            x = block(&mut b, &format!("block{stage}.layer.{i}."), x, (8 << stage) * widen, stride);
            b.block(x);
        }
        b.stage(&format!("layer{stage}"), x);
    }
    let x = b.batch_norm("bn1", x);
    let x = b.relu("relu", x);
    let features = b.global_avg_pool("avgpool", x);
    let linear = Linear { init: Init::TorchDefaultZeroBias, ..Linear::new(b.shape(features).len(), options.classes) };
    let logits = b.linear("fc", features, linear);
    b.finish(features, logits)
}

/// Batch norm and ReLU before each convolution; where the width changes, the shortcut starts after the first of them.
fn block(b: &mut GraphBuilder, module: &str, x: NodeId, width: usize, stride: usize) -> NodeId {
    let inputs = b.shape(x).channels();
    let activated = b.batch_norm(&format!("{module}bn1"), x);
    let activated = b.relu(&format!("{module}relu1"), activated);
    let y = b.conv(&format!("{module}conv1"), activated, Conv::square(inputs, width, 3).stride(stride));
    let y = b.batch_norm(&format!("{module}bn2"), y);
    let y = b.relu(&format!("{module}relu2"), y);
    let y = b.conv(&format!("{module}conv2"), y, Conv::square(width, width, 3));
    let shortcut = if inputs == width {
        x
    } else {
        b.conv(&format!("{module}convShortcut"), activated, Conv::square(inputs, width, 1).stride(stride))
    };
    b.add(&format!("{module}add"), shortcut, y)
}
