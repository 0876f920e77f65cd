//! SqueezeNet 1.1 (Iandola et al. 2016) under torchvision's keys. Its classifier is a convolution with a ReLU, whose mean over places are the
//! logits; the features are the mean of what it reads.

use super::ZooOptions;
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId, Shape},
    layer::{Conv, Init, Layer, Pool},
};

/// Channels of a module's three convolutions; none: a pool.
const MODULES: [Option<[usize; 3]>; 11] = [
    None,
    Some([16, 64, 64]),
    Some([16, 64, 64]),
    None,
    Some([32, 128, 128]),
    Some([32, 128, 128]),
    None,
    Some([48, 192, 192]),
    Some([48, 192, 192]),
    Some([64, 256, 256]),
    Some([64, 256, 256]),
];

/// The first of them is torchvision's `features.2`.
const FIRST: usize = 2;

/// The last modules of each resolution.
const STAGES: [usize; 3] = [4, 7, 12];

/// With bias, drawn uniformly as torchvision does (`kaiming_uniform_`): a normal of that variance, 2 / fan_in, here.
fn conv(inputs: usize, outputs: usize, kernel: usize) -> Conv {
    let init = Init::Normal((2.0 / (inputs * kernel * kernel) as f32).sqrt());
    Conv { init, ..Conv::square(inputs, outputs, kernel) }.with_bias()
}

/// torchvision's `squeezenet1_1`.
pub(super) fn v1_1(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin("squeezenet1_1");
    let stem = Conv { padding: [0; 2], ..conv(options.channels, 64, 3) }.stride(2);
    let x = b.conv("features.0", x, stem);
    let mut x = b.relu("features.1", x);
    b.stage("stem", x);
    for (number, channels) in (FIRST..).zip(MODULES) {
        let name = format!("features.{number}");
        x = match channels {
            None => pool(&mut b, &name, x),
            Some(channels) => fire(&mut b, &name, x, channels),
        };
        if let Some(stage) = STAGES.iter().position(|last| *last == number) {
            b.stage(&format!("layer{}", stage + 1), x);
        }
    }
    let features = b.global_avg_pool("avgpool", x);
    let classifier = Conv { init: Init::Normal(0.01), ..conv(b.shape(x).channels(), options.classes, 1) };
    let y = b.conv("classifier.1", x, classifier);
    let y = b.relu("classifier.2", y);
    let logits = b.global_avg_pool("classifier.3", y);
    b.finish(features, logits)
}

fn pool(b: &mut GraphBuilder, name: &str, x: NodeId) -> NodeId {
    let Shape::Map { height, width, .. } = b.shape(x) else { return x };
    b.max_pool(name, x, Pool::new([3; 2], [2; 2], [0; 2]).ceil([height, width]))
}

/// Few channels, which a 1×1 and a 3×3 convolution read; both side by side.
fn fire(b: &mut GraphBuilder, name: &str, x: NodeId, [squeezed, ones, threes]: [usize; 3]) -> NodeId {
    let mut unit = |part: &str, x: NodeId, outputs: usize, kernel: usize| {
        let conv = conv(b.shape(x).channels(), outputs, kernel);
        let y = b.conv(&format!("{name}.{part}"), x, conv);
        b.relu(&format!("{name}.{part}_activation"), y)
    };
    let squeezed = unit("squeeze", x, squeezed, 1);
    let parts = [unit("expand1x1", squeezed, ones, 1), unit("expand3x3", squeezed, threes, 3)];
    b.push(&format!("{name}.concat"), Layer::Concat, &parts)
}
