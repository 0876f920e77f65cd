//! ShuffleNet V2 (Ma et al. 2018) under torchvision's keys. `ShuffleV2` is another network: the distillation literature's, in `shufflenet.rs`.

use super::{
    ZooOptions,
    blocks::head,
    mobile::Style,
    shufflenet::{conv, depthwise, shuffle},
};
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Layer, Pool},
};

const STEM: usize = 24;
const FEATURES: usize = 1024;

/// Channels and blocks of a stage.
const STAGES: [[usize; 2]; 3] = [[116, 4], [232, 8], [464, 4]];

/// A convolution and its batch norm, which are numbers `at` and `at + 1` of a module.
fn unit(b: &mut GraphBuilder, module: &str, at: usize, x: NodeId, conv: Conv, activation: Option<Layer>) -> NodeId {
    Style::TORCH.unit(b, [&format!("{module}.{at}"), &format!("{module}.{}", at + 1)], x, conv, activation)
}

/// torchvision's `shufflenet_v2_x1_0`.
pub(super) fn v2_x1_0(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin("shufflenet_v2_x1_0");
    let stem = conv(options.channels, STEM, 3).stride(2);
    let x = unit(&mut b, "conv1", 0, x, stem, Some(Layer::Relu));
    b.stage("stem", x);
    let mut x = b.max_pool("maxpool", x, Pool::new([3; 2], [2; 2], [1; 2]));
    for (number, [channels, blocks]) in (1..).zip(STAGES) {
        for i in 0..blocks {
            let module = format!("stage{}.{i}", number + 1);
            x = block(&mut b, &module, x, channels / 2, i == 0);
        }
        b.stage(&format!("layer{number}"), x);
    }
    let last = conv(b.shape(x).channels(), FEATURES, 1);
    let x = unit(&mut b, "conv5", 0, x, last, Some(Layer::Relu));
    let (features, logits) = head(&mut b, "fc", x, options.classes);
    b.finish(features, logits)
}

/// Half of the channels from each branch. One that halves the resolution reads all channels in both, another passes half of them on.
fn block(b: &mut GraphBuilder, module: &str, x: NodeId, half: usize, halves: bool) -> NodeId {
    let relu = || Some(Layer::Relu);
    let inputs = b.shape(x).channels();
    let (first, second) = (format!("{module}.branch1"), format!("{module}.branch2"));
    let stride = if halves { 2 } else { 1 };
    let (left, right) = if halves {
        let left = unit(b, &first, 0, x, depthwise(inputs, stride), None);
        (unit(b, &first, 2, left, conv(inputs, half, 1), relu()), x)
    } else {
        let part = |start: usize| Layer::Slice { start, len: half };
        (b.push(&first, part(0), &[x]), b.push(&format!("{module}.split"), part(half), &[x]))
    };
    let width = b.shape(right).channels();
    let right = unit(b, &second, 0, right, conv(width, half, 1), relu());
    let right = unit(b, &second, 3, right, depthwise(half, stride), None);
    let right = unit(b, &second, 5, right, conv(half, half, 1), relu());
    let joined = b.push(&format!("{module}.concat"), Layer::Concat, &[left, right]);
    shuffle(b, &format!("{module}.shuffle"), joined, 2)
}
