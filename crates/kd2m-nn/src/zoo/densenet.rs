//! DenseNet (Huang et al. 2017) under torchvision's keys.

use super::ZooOptions;
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Init, Layer, Linear, Pool},
};

/// Channels that each layer adds.
const GROWTH: usize = 32;
/// Channels of its 1×1 convolution.
const BOTTLENECK: usize = 4 * GROWTH;
const STEM: usize = 64;

/// Normal with variance 2 / fan_in (PyTorch's `kaiming_normal_`).
fn conv(inputs: usize, outputs: usize, kernel: usize) -> Conv {
    let init = Init::Normal((2.0 / (inputs * kernel * kernel) as f32).sqrt());
    Conv { init, ..Conv::square(inputs, outputs, kernel) }
}

/// torchvision's `densenet121`.
pub(super) fn of_121(options: &ZooOptions) -> Result<Graph, GraphError> {
    densenet("densenet121", options, [6, 12, 24, 16])
}

fn densenet(name: &str, options: &ZooOptions, layers: [usize; 4]) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin(name);
    let x = b.conv("features.conv0", x, conv(options.channels, STEM, 7).stride(2));
    let x = b.batch_norm("features.norm0", x);
    let x = b.relu("features.relu0", x);
    b.stage("stem", x);
    let mut x = b.max_pool("features.pool0", x, Pool::new([3; 2], [2; 2], [1; 2]));
    for (number, count) in (1..).zip(layers) {
        for i in 1..=count {
            x = layer(&mut b, &format!("features.denseblock{number}.denselayer{i}"), x);
        }
        if number < layers.len() {
            b.stage(&format!("layer{number}"), x);
            x = transition(&mut b, &format!("features.transition{number}"), x);
        }
    }
    let x = b.batch_norm("features.norm5", x);
    let x = b.relu("features.relu5", x);
    b.stage(&format!("layer{}", layers.len()), x);
    let features = b.global_avg_pool("avgpool", x);
    let init = Init::TorchDefaultZeroBias;
    let classifier = Linear { init, ..Linear::new(b.shape(features).len(), options.classes) };
    let logits = b.linear("classifier", features, classifier);
    b.finish(features, logits)
}

/// What it reads, and its own channels behind that.
fn layer(b: &mut GraphBuilder, module: &str, x: NodeId) -> NodeId {
    let mut unit = |i: usize, x: NodeId, outputs: usize, kernel: usize| {
        let inputs = b.shape(x).channels();
        let y = b.batch_norm(&format!("{module}.norm{i}"), x);
        let y = b.relu(&format!("{module}.relu{i}"), y);
        b.conv(&format!("{module}.conv{i}"), y, conv(inputs, outputs, kernel))
    };
    let y = unit(1, x, BOTTLENECK, 1);
    let y = unit(2, y, GROWTH, 3);
    b.push(&format!("{module}.concat"), Layer::Concat, &[x, y])
}

/// Half of the channels, half of the resolution.
fn transition(b: &mut GraphBuilder, module: &str, x: NodeId) -> NodeId {
    let channels = b.shape(x).channels();
    let y = b.batch_norm(&format!("{module}.norm"), x);
    let y = b.relu(&format!("{module}.relu"), y);
    let y = b.conv(&format!("{module}.conv"), y, conv(channels, channels / 2, 1));
    b.push(&format!("{module}.pool"), Layer::AvgPool(Pool::new([2; 2], [2; 2], [0; 2])), &[y])
}
