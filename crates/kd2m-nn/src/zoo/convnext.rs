//! ConvNeXt (Liu et al. 2022) under torchvision's keys (`convnext_tiny`) and timm's (`convnext_atto`).

use super::ZooOptions;
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Init, Layer, LayerNorm, Linear, Scale},
};

/// Of weights.
const INIT: Init = Init::Normal(0.02);
const EPS: f32 = 1e-6;

/// What a network is called, how its tensors are, and blocks and channels of each stage.
struct ConvNext {
    name: &'static str,
    keys: Keys,
    stages: [[usize; 2]; 4],
}

/// Whose names and shapes the tensors have.
#[derive(Clone, Copy)]
enum Keys {
    /// 1×1 convolutions are linear layers.
    Torchvision,
    Timm,
}

/// torchvision's `convnext_tiny`.
pub(super) fn tiny(options: &ZooOptions) -> Result<Graph, GraphError> {
    let stages = [[3, 96], [3, 192], [9, 384], [3, 768]];
    convnext(&ConvNext { name: "convnext_tiny", keys: Keys::Torchvision, stages }, options)
}

/// timm's `convnext_atto`.
pub(super) fn atto(options: &ZooOptions) -> Result<Graph, GraphError> {
    let stages = [[2, 40], [2, 80], [6, 160], [2, 320]];
    convnext(&ConvNext { name: "convnext_atto", keys: Keys::Timm, stages }, options)
}

impl Keys {
    /// Convolution and norm of the stem.
    fn stem(self) -> [&'static str; 2] {
        match self {
            Self::Torchvision => ["features.0.0", "features.0.1"],
            Self::Timm => ["stem.0", "stem.1"],
        }
    }

    /// Norm and convolution before a stage, from 1.
    fn halving(self, stage: usize) -> [String; 2] {
        match self {
            Self::Torchvision => [0, 1].map(|part| format!("features.{}.{part}", 2 * stage)),
            Self::Timm => [0, 1].map(|part| format!("stages.{stage}.downsample.{part}")),
        }
    }

    /// A block of a stage.
    fn block(self, stage: usize, block: usize) -> String {
        match self {
            Self::Torchvision => format!("features.{}.{block}.", 2 * stage + 1),
            Self::Timm => format!("stages.{stage}.blocks.{block}."),
        }
    }

    /// Filter, norm, widening, activation, narrowing, factors.
    fn parts(self) -> [&'static str; 6] {
        match self {
            Self::Torchvision => ["block.0", "block.2", "block.3", "block.4", "block.5", "layer_scale"],
            Self::Timm => ["conv_dw", "norm", "mlp.fc1", "mlp.act", "mlp.fc2", "gamma"],
        }
    }

    /// Norm and classifier.
    fn head(self) -> [&'static str; 2] {
        match self {
            Self::Torchvision => ["classifier.0", "classifier.2"],
            Self::Timm => ["head.norm", "head.fc"],
        }
    }

    /// The same function of the channels at each place.
    fn pointwise(self, inputs: usize, outputs: usize) -> Layer {
        match self {
            Self::Torchvision => Layer::Linear(Linear { init: INIT, ..Linear::new(inputs, outputs) }),
            Self::Timm => Layer::Conv(Conv { init: INIT, ..Conv::square(inputs, outputs, 1).with_bias() }),
        }
    }
}

fn norm(b: &mut GraphBuilder, name: &str, x: NodeId) -> NodeId {
    let norm = LayerNorm { width: b.shape(x).channels(), eps: EPS };
    b.push(name, Layer::LayerNorm(norm), &[x])
}

/// A convolution whose windows do not overlap.
fn patches(inputs: usize, outputs: usize, side: usize) -> Conv {
    Conv { padding: [0; 2], init: INIT, ..Conv::square(inputs, outputs, side) }.stride(side).with_bias()
}

fn convnext(network: &ConvNext, options: &ZooOptions) -> Result<Graph, GraphError> {
    let keys = network.keys;
    let (mut b, x) = options.begin(network.name);
    let [conv, after] = keys.stem();
    let x = b.conv(conv, x, patches(options.channels, network.stages[0][1], 4));
    let mut x = norm(&mut b, after, x);
    b.stage("stem", x);
    for (stage, [blocks, channels]) in network.stages.into_iter().enumerate() {
        if stage > 0 {
            let [before, conv] = keys.halving(stage);
            let y = norm(&mut b, &before, x);
            let patches = patches(b.shape(y).channels(), channels, 2);
            x = b.conv(&conv, y, patches);
        }
        for i in 0..blocks {
            x = block(&mut b, keys, &keys.block(stage, i), x);
            b.block(x);
        }
        b.stage(&format!("layer{}", stage + 1), x);
    }
    let pooled = b.global_avg_pool("avgpool", x);
    let [before, classifier] = keys.head();
    let features = norm(&mut b, before, pooled);
    let linear = Linear { init: INIT, ..Linear::new(b.shape(features).len(), options.classes) };
    let logits = b.linear(classifier, features, linear);
    b.finish(features, logits)
}

/// Each channel filtered by itself, then widened and narrowed at each place.
fn block(b: &mut GraphBuilder, keys: Keys, module: &str, x: NodeId) -> NodeId {
    let channels = b.shape(x).channels();
    let [filter, after, widen, activation, narrow, factors] = keys.parts().map(|part| format!("{module}{part}"));
    let filters = Conv { init: INIT, ..Conv::square(channels, channels, 7).groups(channels).with_bias() };
    let y = b.conv(&filter, x, filters);
    let y = norm(b, &after, y);
    let y = b.push(&widen, keys.pointwise(channels, 4 * channels), &[y]);
    let y = b.push(&activation, Layer::Gelu, &[y]);
    let y = b.push(&narrow, keys.pointwise(4 * channels, channels), &[y]);
    let spread = matches!(keys, Keys::Torchvision);
    let y = b.push(&factors, Layer::Scale(Scale { channels, spread, initial: 1e-6 }), &[y]);
    b.add(&format!("{module}add"), y, x)
}
