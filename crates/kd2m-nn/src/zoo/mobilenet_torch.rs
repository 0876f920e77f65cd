//! MobileNetV2 (Sandler et al. 2018) and V3 (Howard et al. 2019) under torchvision's keys. `MobileNetV2` with capitals is another network: the
//! distillation literature's, in `mobilenet.rs`.

use super::{
    ZooOptions,
    mobile::{Block, Style, eights, gate},
};
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Init, Layer, Linear},
};

/// Convolution, batch norm and activation as torchvision names them: numbers 0 and 1 of a module.
fn unit(style: Style, b: &mut GraphBuilder, module: &str, x: NodeId, conv: Conv, activation: Option<Layer>) -> NodeId {
    style.unit(b, [&format!("{module}.0"), &format!("{module}.1")], x, conv, activation)
}

fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear { init: Init::Normal(0.01), ..Linear::new(inputs, outputs) }
}

/// Expansion, channels, repetitions, stride of the first.
const V2: [[usize; 4]; 7] =
    [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]];

/// torchvision's `mobilenet_v2`.
pub(super) fn v2(options: &ZooOptions) -> Result<Graph, GraphError> {
    const FEATURES: usize = 1280;
    let style = Style::TORCH;
    let relu6 = || Some(Layer::Relu6);
    let (mut b, x) = options.begin("mobilenet_v2");
    let mut x = unit(style, &mut b, "features.0", x, Conv::square(options.channels, 32, 3).stride(2), relu6());
    b.stage("stem", x);
    let mut number = 0;
    for (group, [expansion, channels, repetitions, stride]) in V2.into_iter().enumerate() {
        for i in 0..repetitions {
            number += 1;
            let inputs = b.shape(x).channels();
            let block =
                Block { wide: expansion * inputs, kernel: 3, stride: if i == 0 { stride } else { 1 }, channels };
            let (widen, filter, narrow) = block.convolutions(inputs);
            let module = format!("features.{number}.conv.");
            let parts = if widen.is_some() { 2 } else { 1 };
            let y = widen.map_or(x, |conv| unit(style, &mut b, &format!("{module}0"), x, conv, relu6()));
            let y = unit(style, &mut b, &format!("{module}{}", parts - 1), y, filter, relu6());
            let names = [parts, parts + 1].map(|i| format!("{module}{i}"));
            let y = style.unit(&mut b, [&names[0], &names[1]], y, narrow, None);
            x = block.close(&mut b, &module, x, y);
        }
        // The last groups of each resolution.
        if let Some(stage) = [1, 2, 4, 6].iter().position(|last| *last == group) {
            b.stage(&format!("layer{}", stage + 1), x);
        }
    }
    let last = Conv::square(b.shape(x).channels(), FEATURES, 1);
    let x = unit(style, &mut b, "features.18", x, last, relu6());
    let features = b.global_avg_pool("avgpool", x);
    let logits = b.linear("classifier.1", features, linear(FEATURES, options.classes));
    b.finish(features, logits)
}

/// A block of V3: kernel, wide, channels, whether it has a gate, whether its activation is hard swish, stride.
type Setting = (usize, usize, usize, bool, bool, usize);

/// A network of the third version.
struct V3 {
    name: &'static str,
    blocks: &'static [Setting],
    /// The blocks after which criteria may look, counted from 1.
    stages: [usize; 4],
    features: usize,
}

/// torchvision's `mobilenet_v3_small`.
pub(super) fn v3_small(options: &ZooOptions) -> Result<Graph, GraphError> {
    let blocks = &[
        (3, 16, 16, true, false, 2),
        (3, 72, 24, false, false, 2),
        (3, 88, 24, false, false, 1),
        (5, 96, 40, true, true, 2),
        (5, 240, 40, true, true, 1),
        (5, 240, 40, true, true, 1),
        (5, 120, 48, true, true, 1),
        (5, 144, 48, true, true, 1),
        (5, 288, 96, true, true, 2),
        (5, 576, 96, true, true, 1),
        (5, 576, 96, true, true, 1),
    ];
    v3(&V3 { name: "mobilenet_v3_small", blocks, stages: [1, 3, 8, 11], features: 1024 }, options)
}

/// torchvision's `mobilenet_v3_large`.
pub(super) fn v3_large(options: &ZooOptions) -> Result<Graph, GraphError> {
    let blocks = &[
        (3, 16, 16, false, false, 1),
        (3, 64, 24, false, false, 2),
        (3, 72, 24, false, false, 1),
        (5, 72, 40, true, false, 2),
        (5, 120, 40, true, false, 1),
        (5, 120, 40, true, false, 1),
        (3, 240, 80, false, true, 2),
        (3, 200, 80, false, true, 1),
        (3, 184, 80, false, true, 1),
        (3, 184, 80, false, true, 1),
        (3, 480, 112, true, true, 1),
        (3, 672, 112, true, true, 1),
        (5, 672, 160, true, true, 2),
        (5, 960, 160, true, true, 1),
        (5, 960, 160, true, true, 1),
    ];
    v3(&V3 { name: "mobilenet_v3_large", blocks, stages: [3, 6, 12, 15], features: 1280 }, options)
}

/// Features are what the classifier's last layer reads.
fn v3(network: &V3, options: &ZooOptions) -> Result<Graph, GraphError> {
    let style = Style { eps: 1e-3, momentum: 0.01, same: false };
    let swish = || Some(Layer::HardSwish);
    let (mut b, x) = options.begin(network.name);
    let mut x = unit(style, &mut b, "features.0", x, Conv::square(options.channels, 16, 3).stride(2), swish());
    b.stage("stem", x);
    for (number, &(kernel, wide, channels, gated, swishes, stride)) in (1..).zip(network.blocks) {
        let block = Block { wide, kernel, stride, channels };
        let activation = || if swishes { swish() } else { Some(Layer::Relu) };
        let (widen, filter, narrow) = block.convolutions(b.shape(x).channels());
        let module = format!("features.{number}.block.");
        let mut part = 0;
        let mut next = || {
            part += 1;
            format!("{module}{}", part - 1)
        };
        let mut y = widen.map_or(x, |conv| unit(style, &mut b, &next(), x, conv, activation()));
        y = unit(style, &mut b, &next(), y, filter, activation());
        if gated {
            y = gate(&mut b, &next(), y, eights(wide / 4), [Layer::Relu, Layer::HardSigmoid]);
        }
        y = unit(style, &mut b, &next(), y, narrow, None);
        x = block.close(&mut b, &module, x, y);
        if let Some(stage) = network.stages.iter().position(|last| *last == number) {
            b.stage(&format!("layer{}", stage + 1), x);
        }
    }
    let channels = b.shape(x).channels();
    let last = Conv::square(channels, 6 * channels, 1);
    let x = unit(style, &mut b, &format!("features.{}", network.blocks.len() + 1), x, last, swish());
    let pooled = b.global_avg_pool("avgpool", x);
    let y = b.linear("classifier.0", pooled, linear(6 * channels, network.features));
    let features = b.push("classifier.1", Layer::HardSwish, &[y]);
    let logits = b.linear("classifier.3", features, linear(network.features, options.classes));
    b.finish(features, logits)
}
