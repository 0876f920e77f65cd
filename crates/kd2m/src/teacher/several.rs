//! Several teachers of which a loss names one: the outputs of each beside what all of them say together. They travel as maps of one place
//! under names of their own, so that batches, caches and engines carry them as they carry stages, and only those that a loss asks for.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::{batch::Outputs, criterion::NetworkShapes};

/// What the outputs of the i-th teacher, counted from 0, are called among maps: features, then logits.
pub fn names(member: usize) -> [String; 2] {
    ["features", "logits"].map(|what| format!("teacher.{member}.{what}"))
}

/// The outputs of the i-th teacher as maps `[n, width, 1, 1]`.
pub fn as_maps(member: usize, outputs: &Outputs) -> [(Arc<str>, Tensor<4>); 2] {
    let map = |matrix: &Tensor<2>| {
        let [n, width] = matrix.dims();
        matrix.clone().reshape([n, width, 1, 1])
    };
    let [features, logits] = names(member);
    [(features.into(), map(&outputs.features)), (logits.into(), map(&outputs.logits))]
}

/// The outputs of the i-th teacher among those of all; none where they were not asked for.
pub fn of_member(all: &Outputs, member: usize) -> Option<Outputs> {
    let [features, logits] = names(member);
    let matrix = |name: &str| {
        let map = all.map(name)?.clone();
        let [n, width, ..] = map.dims();
        Some(map.reshape([n, width]))
    };
    Some(Outputs::new(matrix(&features)?, matrix(&logits)?))
}

/// Sizes of these maps, of teachers of so many features and classes.
pub fn shapes(sizes: impl Iterator<Item = [usize; 2]>) -> Vec<(String, [usize; 3])> {
    let of = |(member, sizes): (usize, [usize; 2])| {
        names(member).into_iter().zip(sizes).map(|(name, width)| (name, [width, 1, 1])).collect::<Vec<_>>()
    };
    sizes.enumerate().flat_map(of).collect()
}

/// Sizes of the i-th teacher among those of all.
pub fn shapes_of_member(all: &NetworkShapes, member: usize) -> Option<NetworkShapes> {
    let [features, _] = names(member);
    Some(NetworkShapes { features: all.map(&features)?[0], maps: Vec::new() })
}
