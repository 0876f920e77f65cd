//! What is remembered of a sample.

use std::sync::Arc;

use kd2m_nn::Graph;

use crate::criterion::NetworkShapes;

/// What a row holds, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Their width; 0: none are kept.
    pub features: usize,
    /// Their number; 0: none are kept.
    pub logits: usize,
    /// `[c, h, w]` by the stage's name.
    pub maps: Vec<(Arc<str>, [usize; 3])>,
}

impl Layout {
    /// Of a network that hands out the maps of these stages.
    pub fn of(graph: &Graph, stages: &[String]) -> Self {
        let all = NetworkShapes::of(graph);
        let maps = stages.iter().filter_map(|name| Some((Arc::from(name.as_str()), all.map(name)?))).collect();
        Self { features: all.features, logits: graph.classes(), maps }
    }

    /// Row i of n out of the blocks `[n, width]` of a layout.
    pub(super) fn row(blocks: &[Vec<f32>], n: usize, i: usize) -> impl Iterator<Item = f32> {
        blocks.iter().flat_map(move |block| {
            let width = block.len() / n;
            block[i * width..(i + 1) * width].iter().copied()
        })
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.features + self.logits + self.maps.iter().map(|(_, map)| map.iter().product::<usize>()).sum::<usize>()
    }
}
