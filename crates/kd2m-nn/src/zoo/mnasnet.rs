//! MnasNet (Tan et al. 2019) under torchvision's keys.

use super::{
    ZooOptions,
    mobile::{Block, Style},
};
use crate::{
    graph::{Graph, GraphError},
    layer::{Conv, Init, Layer, Linear},
};

/// Kernel, stride of the first, expansion, channels, repetitions.
const STACKS: [[usize; 5]; 6] =
    [[3, 2, 3, 24, 3], [5, 2, 3, 40, 3], [5, 2, 6, 80, 3], [3, 1, 6, 96, 2], [5, 2, 6, 192, 4], [3, 1, 6, 320, 1]];

/// The first of them is torchvision's `layers.8`.
const FIRST: usize = 8;

/// The last stacks of each resolution.
const STAGES: [usize; 4] = [8, 9, 11, 13];

const FEATURES: usize = 1280;

/// torchvision's `mnasnet1_0`.
pub(super) fn v1_0(options: &ZooOptions) -> Result<Graph, GraphError> {
    let style = Style { momentum: 3e-4, ..Style::TORCH };
    let relu = || Some(Layer::Relu);
    let layer = |i: usize| format!("layers.{i}");
    let (mut b, x) = options.begin("mnasnet1_0");
    let stem = Conv::square(options.channels, 32, 3).stride(2);
    let x = style.unit(&mut b, [&layer(0), &layer(1)], x, stem, relu());
    b.stage("stem", x);
    let x = style.unit(&mut b, [&layer(3), &layer(4)], x, Conv::square(32, 32, 3).groups(32), relu());
    let mut x = style.unit(&mut b, [&layer(6), &layer(7)], x, Conv::square(32, 16, 1), None);
    for (number, [kernel, stride, expansion, channels, repetitions]) in (FIRST..).zip(STACKS) {
        for i in 0..repetitions {
            let wide = expansion * b.shape(x).channels();
            let block = Block { wide, kernel, stride: if i == 0 { stride } else { 1 }, channels };
            let (_, filter, narrow) = block.convolutions(b.shape(x).channels());
            let part = |part: usize| format!("layers.{number}.{i}.layers.{part}");
            let widen = Conv::square(b.shape(x).channels(), wide, 1);
            let y = style.unit(&mut b, [&part(0), &part(1)], x, widen, relu());
            let y = style.unit(&mut b, [&part(3), &part(4)], y, filter, relu());
            let y = style.unit(&mut b, [&part(6), &part(7)], y, narrow, None);
            x = block.close(&mut b, &format!("layers.{number}.{i}."), x, y);
        }
        if let Some(stage) = STAGES.iter().position(|last| *last == number) {
            b.stage(&format!("layer{}", stage + 1), x);
        }
    }
    let last = Conv::square(b.shape(x).channels(), FEATURES, 1);
    let x = style.unit(&mut b, [&layer(14), &layer(15)], x, last, relu());
    let features = b.global_avg_pool("avgpool", x);
    // torchvision draws uniformly with this variance (`kaiming_uniform_`, fan out, of a sigmoid).
    let init = Init::Normal((1.0 / options.classes.max(1) as f32).sqrt());
    let logits = b.linear("classifier.1", features, Linear { init, ..Linear::new(FEATURES, options.classes) });
    b.finish(features, logits)
}
