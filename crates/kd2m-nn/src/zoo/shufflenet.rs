//! ShuffleNet V1 (Zhang et al. 2018) and V2 (Ma et al. 2018) for 32×32 images, with RepDistiller's keys.
//! Both begin with a 1×1 convolution of 24 channels and no pool, and keep PyTorch's default initialisation.

use super::{
    ZooOptions,
    blocks::{conv_bn, head, unit},
};
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Init, Layer, Pool},
};

const STEM: usize = 24;
const V1_GROUPS: usize = 3;

pub(super) fn conv(inputs: usize, outputs: usize, kernel: usize) -> Conv {
    Conv { init: Init::TorchDefault, ..Conv::square(inputs, outputs, kernel) }
}

pub(super) fn depthwise(channels: usize, stride: usize) -> Conv {
    conv(channels, channels, 3).stride(stride).groups(channels)
}

fn stem(options: &ZooOptions, name: &str) -> (GraphBuilder, NodeId) {
    let (mut b, x) = options.begin(name);
    let x = unit(&mut b, "", 1, x, conv(options.channels, STEM, 1));
    b.stage("stem", x);
    (b, x)
}

pub(super) fn shuffle(b: &mut GraphBuilder, name: &str, x: NodeId, groups: usize) -> NodeId {
    b.push(name, Layer::ChannelShuffle { groups }, &[x])
}

/// `ShuffleV1`: three groups, stages of 240, 480 and 960 channels.
pub(super) fn v1(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, mut x) = stem(options, "ShuffleV1");
    for (stage, (width, blocks)) in [(240, 4), (480, 8), (960, 4)].into_iter().enumerate() {
        for i in 0..blocks {
            x = v1_block(&mut b, &format!("layer{}.{i}.", stage + 1), x, width, i == 0);
            b.block(x);
        }
        b.stage(&format!("layer{}", stage + 1), x);
    }
    let (features, logits) = head(&mut b, "linear", x, options.classes);
    b.finish(features, logits)
}

/// Grouped 1×1, shuffle, depthwise 3×3, grouped 1×1; a block that halves appends the averaged input instead of adding it.
fn v1_block(b: &mut GraphBuilder, module: &str, x: NodeId, width: usize, halve: bool) -> NodeId {
    let inputs = b.shape(x).channels();
    let outputs = if halve { width - inputs } else { width };
    let middle = outputs / 4;
    // The stem's 24 channels are too few to group.
    let groups = if inputs == STEM { 1 } else { V1_GROUPS };
    let y = unit(b, module, 1, x, conv(inputs, middle, 1).groups(groups));
    let y = shuffle(b, &format!("{module}shuffle1"), y, groups);
    let y = unit(b, module, 2, y, depthwise(middle, if halve { 2 } else { 1 }));
    let last = conv(middle, outputs, 1).groups(V1_GROUPS);
    let y = conv_bn(b, &format!("{module}conv3"), &format!("{module}bn3"), y, last);
    let joined = if halve {
        let pool = Pool::new([3; 2], [2; 2], [1; 2]);
        let shortcut = b.push(&format!("{module}shortcut.0"), Layer::AvgPool(pool), &[x]);
        b.push(&format!("{module}concat"), Layer::Concat, &[y, shortcut])
    } else {
        b.add(&format!("{module}add"), y, x)
    };
    b.relu(&format!("{module}relu3"), joined)
}

/// `ShuffleV2`: stages of 116, 232 and 464 channels, then 1×1 to 1,024.
pub(super) fn v2(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, mut x) = stem(options, "ShuffleV2");
    for (stage, (width, blocks)) in [(116, 3), (232, 7), (464, 3)].into_iter().enumerate() {
        x = v2_halving_block(&mut b, &format!("layer{}.0.", stage + 1), x, width);
        for i in 1..=blocks {
            x = v2_block(&mut b, &format!("layer{}.{i}.", stage + 1), x);
        }
        b.stage(&format!("layer{}", stage + 1), x);
    }
    let last = conv(b.shape(x).channels(), 1024, 1);
    let x = unit(&mut b, "", 2, x, last);
    let (features, logits) = head(&mut b, "linear", x, options.classes);
    b.finish(features, logits)
}

/// Half of the channels pass untouched beside three convolutions of the other half.
fn v2_block(b: &mut GraphBuilder, module: &str, x: NodeId) -> NodeId {
    let half = b.shape(x).channels() / 2;
    let kept = b.push(&format!("{module}keep"), Layer::Slice { start: 0, len: half }, &[x]);
    let y = b.push(&format!("{module}split"), Layer::Slice { start: half, len: half }, &[x]);
    let y = unit(b, module, 1, y, conv(half, half, 1));
    let y = conv_bn(b, &format!("{module}conv2"), &format!("{module}bn2"), y, depthwise(half, 1));
    let y = unit(b, module, 3, y, conv(half, half, 1));
    let joined = b.push(&format!("{module}concat"), Layer::Concat, &[kept, y]);
    shuffle(b, &format!("{module}shuffle"), joined, 2)
}

/// Both branches see all channels and halve the resolution.
fn v2_halving_block(b: &mut GraphBuilder, module: &str, x: NodeId, width: usize) -> NodeId {
    let (inputs, half) = (b.shape(x).channels(), width / 2);
    let left = conv_bn(b, &format!("{module}conv1"), &format!("{module}bn1"), x, depthwise(inputs, 2));
    let left = unit(b, module, 2, left, conv(inputs, half, 1));
    let right = unit(b, module, 3, x, conv(inputs, half, 1));
    let right = conv_bn(b, &format!("{module}conv4"), &format!("{module}bn4"), right, depthwise(half, 2));
    let right = unit(b, module, 5, right, conv(half, half, 1));
    let joined = b.push(&format!("{module}concat"), Layer::Concat, &[left, right]);
    shuffle(b, &format!("{module}shuffle"), joined, 2)
}
