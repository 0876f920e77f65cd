//! Convolutional networks for digits of 8×8 to 28×28: the demonstration that needs no download. The smallest student's body has 3 and 6 channels; its last 1×1 convolution only widens it to the teacher's features.

use super::{
    ZooOptions,
    blocks::{head, unit},
};
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::{Conv, Pool},
};

const FEATURES: usize = 64;

fn block(b: &mut GraphBuilder, i: usize, x: NodeId, channels: usize, kernel: usize) -> NodeId {
    let conv = Conv::square(b.shape(x).channels(), channels, kernel);
    unit(b, "", i, x, conv)
}

fn halve(b: &mut GraphBuilder, x: NodeId) -> NodeId {
    b.max_pool("maxpool", x, Pool::new([2; 2], [2; 2], [0; 2]))
}

fn finish(mut b: GraphBuilder, x: NodeId, classes: usize) -> Result<Graph, GraphError> {
    let (features, logits) = head(&mut b, "fc", x, classes);
    b.finish(features, logits)
}

/// Two 3×3 convolutions of 32 channels, a pool, two of 64.
pub(super) fn teacher(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin("digits-cnn-teacher");
    let x = block(&mut b, 1, x, 32, 3);
    let x = block(&mut b, 2, x, 32, 3);
    b.stage("layer1", x);
    let x = halve(&mut b, x);
    let x = block(&mut b, 3, x, 64, 3);
    let x = block(&mut b, 4, x, FEATURES, 3);
    b.stage("layer2", x);
    finish(b, x, options.classes)
}

/// 3 channels, a pool, 6 channels, then 1×1 to the teacher's width.
pub(super) fn student(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin("digits-cnn-student");
    let x = block(&mut b, 1, x, 3, 3);
    b.stage("layer1", x);
    let x = halve(&mut b, x);
    let x = block(&mut b, 2, x, 6, 3);
    let x = block(&mut b, 3, x, FEATURES, 1);
    b.stage("layer2", x);
    finish(b, x, options.classes)
}

/// Two 3×3 convolutions of 8 channels, a pool, two of 16, then 1×1 to the teacher's width.
pub(super) fn middle(options: &ZooOptions) -> Result<Graph, GraphError> {
    let (mut b, x) = options.begin("digits-cnn-middle");
    let x = block(&mut b, 1, x, 8, 3);
    let x = block(&mut b, 2, x, 8, 3);
    b.stage("layer1", x);
    let x = halve(&mut b, x);
    let x = block(&mut b, 3, x, 16, 3);
    let x = block(&mut b, 4, x, 16, 3);
    let x = block(&mut b, 5, x, FEATURES, 1);
    b.stage("layer2", x);
    finish(b, x, options.classes)
}
