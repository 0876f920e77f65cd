//! Each layer kind at odd sizes between a first convolution, so that gradients flow through it, and a classifier.

use kd2m::device::DeviceChoice;
use kd2m_nn::{Conv, Graph, GraphBuilder, GraphError, Layer, Linear, NodeId, Pool, Shape, init};

use crate::{
    Case, engines,
    row::{Row, Tolerance},
};

/// Few values meet in each sum, and no unit is near its kink.
pub const TOLERANCE: Tolerance = Tolerance { outputs: 1e-5, gradients: 1e-4 };

const CHANNELS: usize = 6;

/// Every kind, with the variants that take another path in some backend.
pub fn cases(choice: DeviceChoice) -> Vec<Case> {
    let pool = |kernel, stride, padding| Pool::new(kernel, stride, padding);
    let square = |outputs, kernel| Conv::square(CHANNELS, outputs, kernel);
    let layers = [
        ("conv 3×3", Layer::Conv(square(9, 3))),
        ("conv 3×3, stride 2, bias", Layer::Conv(square(8, 3).stride(2).with_bias())),
        ("conv 1×1, stride 2", Layer::Conv(square(11, 1).stride(2))),
        (
            "conv 5×3, stride 1, 2",
            Layer::Conv(Conv { kernel: [5, 3], stride: [1, 2], padding: [2, 0], ..square(4, 1) }),
        ),
        ("conv 7×7, stride 2", Layer::Conv(square(5, 7).stride(2))),
        ("conv dilated", Layer::Conv(Conv { dilation: [2, 2], padding: [2, 2], ..square(5, 3) })),
        ("conv without padding", Layer::Conv(Conv { padding: [0, 0], ..square(7, 3) })),
        ("conv in groups", Layer::Conv(square(9, 3).groups(3))),
        ("conv depthwise", Layer::Conv(square(6, 3).groups(6))),
        ("conv depthwise, doubled, stride 2", Layer::Conv(square(12, 3).groups(6).stride(2))),
        ("batch norm of maps", Layer::BatchNorm(kd2m_nn::BatchNorm::new(CHANNELS))),
        ("relu", Layer::Relu),
        ("relu6", Layer::Relu6),
        ("clip", Layer::Clip { min: -0.5, max: 0.75 }),
        ("max pool 3/2", Layer::MaxPool(pool([3, 3], [2, 2], [1, 1]))),
        ("max pool 2×3/1", Layer::MaxPool(pool([2, 3], [1, 1], [0, 1]))),
        ("average pool 3/2", Layer::AvgPool(pool([3, 3], [2, 2], [1, 1]))),
        ("average pool 2/1", Layer::AvgPool(pool([2, 2], [1, 1], [0, 0]))),
        ("gelu", Layer::Gelu),
        ("silu", Layer::Silu),
        ("layer norm of maps", Layer::LayerNorm(kd2m_nn::LayerNorm::new(CHANNELS))),
        ("tokens", Layer::Tokens),
        ("global average pool", Layer::GlobalAvgPool),
        ("flatten", Layer::Flatten),
        ("channel shuffle", Layer::ChannelShuffle { groups: 3 }),
        ("slice", Layer::Slice { start: 2, len: 3 }),
    ];
    let alone = layers.map(|(name, layer)| {
        let graph: Block = Box::new(move |b, x| b.push("layer", layer.clone(), &[x]));
        (name, graph)
    });
    let several: [(&str, Block); 4] = [
        (
            "add",
            Box::new(|b, x| {
                let y = b.relu("relu", x);
                b.add("add", y, x)
            }),
        ),
        (
            "concat",
            Box::new(|b, x| {
                let y = b.relu("relu", x);
                b.push("layer", Layer::Concat, &[x, y])
            }),
        ),
        (
            "batch norm of vectors",
            Box::new(|b, x| {
                let v = b.flatten("flatten", x);
                b.batch_norm("bn", v)
            }),
        ),
        (
            "linear, relu of vectors",
            Box::new(|b, x| {
                let v = b.flatten("flatten", x);
                let d = b.shape(v).len();
                let v = b.linear("hidden", v, Linear::new(d, 10));
                b.relu("relu", v)
            }),
        ),
    ];
    let all = alone.into_iter().chain(several);
    all.map(|(name, block)| (name.to_owned(), Box::new(move || case(choice, name, &block)) as Box<dyn Fn() -> Row>))
        .collect()
}

type Block = Box<dyn Fn(&mut GraphBuilder, NodeId) -> NodeId>;

fn case(choice: DeviceChoice, name: &str, block: &Block) -> Row {
    match around(name, block) {
        Ok(graph) => engines::compare(choice, &graph, &init::initialise(&graph, 5), 5, 2),
        Err(why) => {
            let mut row = Row::default();
            row.fail(why.to_string());
            row
        }
    }
}

fn around(name: &str, block: &Block) -> Result<Graph, GraphError> {
    let (mut b, x) = GraphBuilder::new(name, 2, 7, 6, &[0.3, 0.4], &[0.5, 0.7]);
    let x = b.conv("first", x, Conv::square(2, CHANNELS, 1).with_bias());
    b.stage("before", x);
    let y = block(&mut b, x);
    let pooled = match b.shape(y) {
        Shape::Map { .. } => {
            b.stage("after", y);
            b.global_avg_pool("pool", y)
        }
        Shape::Tokens { .. } => b.global_avg_pool("pool", y),
        Shape::Vector(_) => y,
    };
    let d = b.shape(pooled).len();
    let logits = b.linear("fc", pooled, Linear::new(d, 3));
    b.finish(pooled, logits)
}
