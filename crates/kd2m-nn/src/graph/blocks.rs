//! The blocks of a network in their order: how deep a layer lies, and how often a block is left out while training.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Graph, Node};
use crate::{
    layer::{Dropout, Layer, Ramp},
    parameter::{NodeId, Role},
    shape::Shape,
};

/// What is left out while a network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dropped {
    /// Rate at which the deepest blocks are left out, sample by sample; those before it by less.
    pub blocks: f64,
    /// Rate of the features that the classifier reads.
    pub features: f64,
}

/// Why a network cannot leave that out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DropError {
    /// No block has a way around it.
    #[error("{0} has no block with a way around it that could be left out: set the rate to 0")]
    NoBlocks(String),
    /// The logits are made in another way.
    #[error("{0} ends in no linear layer before which features could be left out: set the rate to 0")]
    NoClassifier(String),
}

impl Graph {
    /// The nodes with which its blocks end, in order; none of networks that have no blocks, or that were read from a file.
    pub fn blocks(&self) -> &[NodeId] {
        &self.blocks
    }

    /// What the learning rate of each tensor is multiplied by where each part of the network learns `decay` times as fast as the next, and the
    /// classifier at the full rate. Parts of networks with layer norms are their blocks, of others their stages; what lies before the first, class
    /// tokens and positions among it, is a part of its own (as timm's `param_groups_layer_decay` has it), and what follows the last up to
    /// the pooling belongs to it.
    pub fn rates(&self, decay: f64) -> BTreeMap<String, f64> {
        let by_block = self.nodes.iter().any(|node| matches!(node.layer, Layer::LayerNorm(_)));
        let stem = self.stage("stem").unwrap_or(NodeId(0));
        let stages = self.stages.iter().map(|(_, end)| *end).filter(|end| *end > stem);
        let ends: Vec<NodeId> = if by_block { self.blocks.clone() } else { stages.collect() };
        let specs = self.parameters();
        let last = specs.last().map_or(NodeId(0), |spec| spec.node);
        let depth = |node: NodeId, role: Role| match () {
            () if node == last => ends.len() + 1,
            () if node <= stem || role == Role::Embedding => 0,
            () if matches!(self.node(node).shape, Shape::Vector(_)) => ends.len() + 1,
            () => (ends.iter().position(|end| node <= *end).unwrap_or(ends.len()) + 1).min(ends.len()),
        };
        let rate = |depth: usize| decay.powi((ends.len() + 1 - depth) as i32);
        specs.iter().map(|spec| (spec.key.clone(), rate(depth(spec.node, spec.role)))).collect()
    }

    /// The same network with layers that leave this out while it is trained; they change nothing else.
    ///
    /// # Errors
    /// A network in which there is nothing to leave out.
    pub fn dropping(&self, dropped: Dropped) -> Result<Self, DropError> {
        let mut wanted: BTreeMap<(usize, usize), Dropout> = BTreeMap::new();
        if dropped.blocks > 0.0 {
            self.branches(dropped.blocks, &mut wanted);
            if wanted.is_empty() {
                return Err(DropError::NoBlocks(self.name.clone()));
            }
        }
        if dropped.features > 0.0 {
            let classifier = self.classifier().ok_or_else(|| DropError::NoClassifier(self.name.clone()))?;
            let number = self.nodes.len() as u64;
            wanted.insert((classifier, 0), Dropout { rate: dropped.features, whole: false, number });
        }
        Ok(self.with_dropouts(&wanted))
    }

    /// The ends of residual branches, by the sum that reads them and its input, with their rates.
    fn branches(&self, rate: f64, wanted: &mut BTreeMap<(usize, usize), Dropout>) {
        let steps = match self.ramp {
            Ramp::ToLast => self.blocks.len().saturating_sub(1),
            Ramp::ToBehind => self.blocks.len(),
        };
        let mut start = 0;
        for (place, end) in self.blocks.iter().enumerate() {
            let rate = rate * place as f64 / steps.max(1) as f64;
            let sums = (start..=end.0).filter(|at| matches!(self.nodes[*at].layer, Layer::Add));
            for sum in sums.filter(|_| rate > 0.0) {
                // Of its inputs the one that more layers of the block have made; what leads around them has fewer.
                let made_by = |input: &NodeId| self.made_by(*input, start);
                let inputs = self.nodes[sum].inputs.iter().map(made_by).enumerate();
                let branch = inputs.max_by_key(|(_, count)| *count).map_or(0, |(input, _)| input);
                wanted.insert((sum, branch), Dropout { rate, whole: true, number: place as u64 });
            }
            start = end.0 + 1;
        }
        // Two sums of one block draw for themselves.
        for (number, dropout) in (0..).zip(wanted.values_mut()) {
            dropout.number = number;
        }
    }

    /// How many layers from `start` on a value depends on.
    fn made_by(&self, value: NodeId, start: usize) -> usize {
        let mut asked = vec![false; value.0 + 1];
        asked[value.0] = true;
        let mut count = 0;
        for at in (start..=value.0).rev().filter(|_| value.0 >= start) {
            if asked[at] {
                count += 1;
                self.nodes[at].inputs.iter().for_each(|input| asked[input.0] = true);
            }
        }
        count
    }

    /// The linear layer that makes the logits, of all or of each place.
    fn classifier(&self) -> Option<usize> {
        let is_linear = |id: NodeId| matches!(self.node(id).layer, Layer::Linear(_)).then_some(id.0);
        let node = self.node(self.logits);
        let behind_mean = || match (&node.layer, node.inputs.first()) {
            (Layer::GlobalAvgPool, Some(input)) => is_linear(*input),
            _ => None,
        };
        is_linear(self.logits).or_else(behind_mean)
    }

    /// The same with a layer between each of these nodes and its input of that number.
    fn with_dropouts(&self, wanted: &BTreeMap<(usize, usize), Dropout>) -> Self {
        let mut graph = Self { nodes: Vec::with_capacity(self.nodes.len() + wanted.len()), ..self.clone() };
        let mut places = Vec::with_capacity(self.nodes.len());
        for (at, node) in self.nodes.iter().enumerate() {
            let mut inputs: Vec<NodeId> = node.inputs.iter().map(|input| places[input.0]).collect();
            for ((_, input), dropout) in wanted.range((at, 0)..(at + 1, 0)) {
                let shape = self.node(node.inputs[*input]).shape;
                let (name, layer) = (format!("{}.drop", node.name), Layer::Dropout(*dropout));
                graph.nodes.push(Node { name, layer, inputs: vec![inputs[*input]], shape });
                inputs[*input] = NodeId(graph.nodes.len() - 1);
            }
            graph.nodes.push(Node { inputs, ..node.clone() });
            places.push(NodeId(graph.nodes.len() - 1));
        }
        let moved = |id: &mut NodeId| *id = places[id.0];
        graph.stages.iter_mut().for_each(|(_, id)| moved(id));
        graph.blocks.iter_mut().for_each(moved);
        [&mut graph.features, &mut graph.logits].into_iter().for_each(moved);
        graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, MODELS, ZooOptions};

    fn build(model: &str) -> Graph {
        zoo::build(model, &ZooOptions::new(10, 3, 32, 32)).unwrap()
    }

    /// The rate of each layer that leaves something out, in order, with what it reads.
    fn found(graph: &Graph) -> Vec<(String, f64)> {
        let of = |node: &Node| match node.layer {
            Layer::Dropout(Dropout { rate, .. }) => Some((graph.node(node.inputs[0]).name.clone(), rate)),
            _ => None,
        };
        graph.nodes().iter().filter_map(of).collect()
    }

    /// torchvision's and timm's rules, written out: i / (N − 1), or i / N, of the rate for block i from 0.
    #[test]
    fn rates_rise_as_torchvision_s_and_timm_s() {
        let dropped = |model: &str, blocks| found(&build(model).dropping(Dropped { blocks, features: 0.0 }).unwrap());
        let expect = |model: &str, right: Vec<(String, f64)>| {
            let found = dropped(model, 0.2);
            assert_eq!(found.len(), right.len(), "{model}: {found:?}");
            for ((name, rate), (right_name, right)) in found.iter().zip(&right) {
                assert!(name == right_name && (rate - 0.2 * right).abs() < 1e-12, "{model}: {name} {rate}");
            }
        };
        let vit =
            (1..12).flat_map(|i| ["attn.proj", "mlp.fc2"].map(|part| (format!("blocks.{i}.{part}"), i as f64 / 11.0)));
        expect("vit_tiny_cifar", vit.collect());
        let stages = [(1, 0, 3), (3, 3, 3), (5, 6, 9), (7, 15, 3)];
        let convnext = stages.iter().flat_map(|(stage, before, count)| {
            (0..*count).map(move |i| (format!("features.{stage}.{i}.layer_scale"), (before + i) as f64 / 17.0))
        });
        expect("convnext_tiny", convnext.skip(1).collect());
        // torchvision's efficientnet_b0: 16 blocks, of which those with stride 1 and equal channels have a way around.
        let b0 =
            [(2, 1, 2), (3, 1, 4), (4, 1, 6), (4, 2, 7), (5, 1, 9), (5, 2, 10), (6, 1, 12), (6, 2, 13), (6, 3, 14)];
        let b0 = b0.map(|(group, block, at)| (format!("features.{group}.{block}.block.3.1"), f64::from(at) / 16.0));
        expect("efficientnet_b0", b0.to_vec());
        let resnet = (1..8).map(|i| (format!("layer{}.{}.bn2", i / 2 + 1, i % 2), f64::from(i) / 7.0));
        expect("resnet18", resnet.collect());
    }

    #[test]
    fn what_is_dropped_leaves_the_rest_of_the_network_as_it_is() {
        for entry in MODELS {
            let graph = build(entry.name);
            let features = if entry.name == "squeezenet1_1" { 0.0 } else { 0.5 };
            let has_sums = graph.nodes().iter().any(|node| matches!(node.layer, Layer::Add));
            let blocks = if has_sums { 0.1 } else { 0.0 };
            let dropping = graph.dropping(Dropped { blocks, features }).unwrap();
            assert_eq!(has_sums, graph.dropping(Dropped { blocks: 0.1, features: 0.0 }).is_ok(), "{}", entry.name);
            let tensors = |graph: &Graph| {
                let all = graph.parameters().into_iter();
                all.map(|spec| (spec.key, spec.shape)).collect::<Vec<_>>()
            };
            assert_eq!(tensors(&dropping), tensors(&graph), "{}", entry.name);
            let name = |graph: &Graph, id: NodeId| graph.node(id).name.clone();
            assert_eq!(name(&dropping, dropping.features()), name(&graph, graph.features()));
            assert_eq!(name(&dropping, dropping.logits()), name(&graph, graph.logits()));
            for (stage, id) in graph.stages() {
                assert_eq!(name(&dropping, dropping.stage(stage).unwrap()), name(&graph, *id));
            }
            for (at, node) in dropping.nodes().iter().enumerate() {
                assert!(node.inputs.iter().all(|input| input.0 < at), "{}: {}", entry.name, node.name);
            }
        }
    }

    #[test]
    fn networks_without_branches_or_linear_classifiers_say_so() {
        let vgg = build("vgg8").dropping(Dropped { blocks: 0.1, features: 0.0 }).unwrap_err();
        assert!(vgg.to_string().starts_with("vgg8 has no block"), "{vgg}");
        let squeeze = build("squeezenet1_1").dropping(Dropped { blocks: 0.0, features: 0.1 }).unwrap_err();
        assert!(squeeze.to_string().contains("no linear layer"), "{squeeze}");
    }

    /// Against the groups that timm makes: `scripts/make_layer_decay.py`.
    #[test]
    fn rates_are_those_of_timm_s_groups() {
        let text = include_str!("../../tests/fixtures/layer_decay.json");
        let groups: BTreeMap<String, BTreeMap<String, f64>> = serde_json::from_str(text).unwrap();
        assert_eq!(groups.len(), 3);
        for (model, right) in groups {
            let rates = zoo::build(&model, &ZooOptions::new(1000, 3, 224, 224)).unwrap().rates(0.75);
            assert_eq!(rates.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>(), "{model}");
            for (key, right) in right {
                assert!((rates[&key] - right).abs() < 1e-9, "{model} {key}: {} for {right}", rates[&key]);
            }
        }
    }

    /// By hand: a stem, four stages and a classifier are six parts.
    #[test]
    fn other_networks_learn_by_stage() {
        let rates = build("resnet18").rates(0.5);
        let right = [("conv1.weight", 5), ("layer1.0.bn1.bias", 4), ("layer4.1.conv2.weight", 1), ("fc.weight", 0)];
        for (key, halvings) in right {
            assert_eq!(rates[key], 0.5_f64.powi(halvings), "{key}");
        }
        let rates = build("efficientnet_lite0").rates(0.5);
        assert_eq!(
            [rates["conv_stem.weight"], rates["conv_head.weight"], rates["classifier.bias"]],
            [0.5_f64.powi(5), 0.5, 1.0]
        );
        assert!(build("mobilenet_v2").rates(1.0).values().all(|rate| *rate == 1.0));
    }
}
