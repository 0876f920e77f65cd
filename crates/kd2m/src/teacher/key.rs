//! When two teachers give the same outputs for the same sample: everything that decides a bit of them, as one checksum.

use kd2m_nn::{Graph, Weights};
use sha2::{Digest, Sha256};

use super::layout::Layout;

/// A checksum over teacher, data, preprocessing, split, wanted outputs, precision, kernels and threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// The network that answers.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Layers, normalisation and weights.
    Graph(&'a Graph, &'a Weights),
    /// The sums of its files, and what else decides its answers.
    Files(&'a str),
}

/// What a [`Key`] is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    pub whose: Whose<'a>,
    /// [`kd2m_data::Dataset::checksum`].
    pub data: &'a str,
    /// The validation samples.
    pub split: &'a [u32],
    pub layout: &'a Layout,
    /// Precision, engine, kernels and threads.
    pub arithmetic: &'a str,
    /// How views of samples are drawn; none: samples are seen as they are.
    pub views: Option<&'a str>,
}

impl Key {
    /// The checksum of these parts.
    pub fn new(parts: &Parts) -> Self {
        let mut hash = Sha256::new();
        // Each part with its length before it, so that none can run into the next.
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(concat!("kd2m ", env!("CARGO_PKG_VERSION")).as_bytes());
        match parts.whose {
            Whose::Graph(graph, weights) => {
                add(format!("{graph:?}").as_bytes());
                for (name, tensor) in weights {
                    add(name.as_bytes());
                    add(format!("{:?}", tensor.shape).as_bytes());
                    add(&bytes_of(&tensor.values));
                }
            }
            Whose::Files(files) => add(files.as_bytes()),
        }
        add(parts.data.as_bytes());
        add(&parts.split.iter().flat_map(|i| i.to_le_bytes()).collect::<Vec<u8>>());
        add(format!("{:?}", parts.layout).as_bytes());
        add(parts.arithmetic.as_bytes());
        parts.views.into_iter().for_each(|views| add(views.as_bytes()));
        Self(hash.finalize().into())
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Enough of it to name a file.
    pub(super) fn short(&self) -> String {
        self.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

pub(super) fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use kd2m_nn::{init::initialise, zoo};

    use super::*;

    fn graph(std: f32) -> Graph {
        let options = zoo::ZooOptions { std: vec![std], ..zoo::ZooOptions::new(10, 1, 8, 8) };
        zoo::build("digits-cnn-student", &options).unwrap()
    }

    /// Keys that differ.
    pub fn some_key(arithmetic: &str) -> Key {
        let graph = graph(1.0);
        let (weights, layout) = (initialise(&graph, 1), Layout::of(&graph, &[]));
        Key::new(&Parts {
            whose: Whose::Graph(&graph, &weights),
            data: "d",
            split: &[1],
            layout: &layout,
            arithmetic,
            views: None,
        })
    }

    #[test]
    fn every_part_changes_the_key() {
        let (graph_a, graph_b) = (graph(1.0), graph(0.5));
        let weights = initialise(&graph_a, 1);
        let mut nudged = weights.clone();
        let last = nudged.values_mut().next_back().unwrap();
        last.values[0] = f32::from_bits(last.values[0].to_bits() ^ 1);
        let (layout, stage) = (Layout::of(&graph_a, &[]), graph_a.stages()[0].0.clone());
        let with_map = Layout::of(&graph_a, &[stage]);
        let base = Parts {
            whose: Whose::Graph(&graph_a, &weights),
            data: "one",
            split: &[1, 2],
            layout: &layout,
            arithmetic: "f32 avx2",
            views: None,
        };
        let others = [
            Parts { whose: Whose::Graph(&graph_b, &weights), ..base },
            Parts { whose: Whose::Graph(&graph_a, &nudged), ..base },
            Parts { whose: Whose::Files("a"), ..base },
            Parts { whose: Whose::Files("b"), ..base },
            Parts { data: "two", ..base },
            Parts { split: &[1, 3], ..base },
            Parts { layout: &with_map, ..base },
            Parts { arithmetic: "f32 avx512", ..base },
            Parts { views: Some("flip"), ..base },
            Parts { views: Some("crop:4"), ..base },
        ];
        assert_eq!(Key::new(&base), Key::new(&base));
        let keys: Vec<Key> = others.iter().chain([&base]).map(Key::new).collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "part {i}");
        }
    }
}
