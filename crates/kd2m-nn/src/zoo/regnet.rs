//! RegNetY (Radosavovic et al. 2020) under torchvision's keys.

use super::{
    ZooOptions,
    mobile::{Style, gate},
};
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Init, Layer, Linear},
};

const STEM: usize = 32;

/// Blocks and channels of each stage, which the paper's rule of widths gives, and channels of a group.
struct RegNet {
    name: &'static str,
    stages: [[usize; 2]; 4],
    group: usize,
}

/// torchvision's `regnet_y_400mf`.
pub(super) fn y_400mf(options: &ZooOptions) -> Result<Graph, GraphError> {
    let stages = [[1, 48], [3, 104], [6, 208], [6, 440]];
    regnet(&RegNet { name: "regnet_y_400mf", stages, group: 8 }, options)
}

/// torchvision's `regnet_y_800mf`.
pub(super) fn y_800mf(options: &ZooOptions) -> Result<Graph, GraphError> {
    let stages = [[1, 64], [3, 144], [8, 320], [2, 784]];
    regnet(&RegNet { name: "regnet_y_800mf", stages, group: 16 }, options)
}

fn unit(b: &mut GraphBuilder, module: &str, x: NodeId, conv: Conv, activation: Option<Layer>) -> NodeId {
    Style::TORCH.unit(b, [&format!("{module}.0"), &format!("{module}.1")], x, conv, activation)
}

fn regnet(network: &RegNet, options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin(network.name);
    let mut x = unit(&mut b, "stem", x, Conv::square(options.channels, STEM, 3).stride(2), Some(Layer::Relu));
    b.stage("stem", x);
    for (stage, [blocks, channels]) in (1..).zip(network.stages) {
        for i in 0..blocks {
            let module = format!("trunk_output.block{stage}.block{stage}-{i}");
            x = block(&mut b, &module, x, channels, channels / network.group, if i == 0 { 2 } else { 1 });
            b.block(x);
        }
        b.stage(&format!("layer{stage}"), x);
    }
    let features = b.global_avg_pool("avgpool", x);
    let classifier = Linear { init: Init::Normal(0.01), ..Linear::new(b.shape(features).len(), options.classes) };
    let logits = b.linear("fc", features, classifier);
    b.finish(features, logits)
}

/// A bottleneck as wide as its output, whose gate squeezes to a quarter of what the block reads.
fn block(b: &mut GraphBuilder, module: &str, x: NodeId, channels: usize, groups: usize, stride: usize) -> NodeId {
    let inputs = b.shape(x).channels();
    let relu = || Some(Layer::Relu);
    let part = |name: &str| format!("{module}.f.{name}");
    let y = unit(b, &part("a"), x, Conv::square(inputs, channels, 1), relu());
    let filter = Conv::square(channels, channels, 3).stride(stride).groups(groups);
    let y = unit(b, &part("b"), y, filter, relu());
    // Half to even, as Python rounds.
    let squeezed = (inputs as f64 / 4.0).round_ties_even() as usize;
    let y = gate(b, &part("se"), y, squeezed, [Layer::Relu, Layer::Sigmoid]);
    let y = unit(b, &part("c"), y, Conv::square(channels, channels, 1), None);
    let shortcut = if stride == 1 && inputs == channels {
        x
    } else {
        unit(b, &format!("{module}.proj"), x, Conv::square(inputs, channels, 1).stride(stride), None)
    };
    let sum = b.add(&format!("{module}.add"), shortcut, y);
    b.relu(&format!("{module}.activation"), sum)
}
