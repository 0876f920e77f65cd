//! Logits of every place of the last map. A linear classifier behind the mean over places may as well be read at each place: the mean of
//! what it says there is what it says of the mean.

use super::{Graph, Node};
use crate::{layer::Layer, parameter::NodeId, shape::Shape};

/// The stage of [`Graph::with_class_map`].
pub const CLASS_MAP: &str = "class-map";

/// The end of a network: linear layers on the mean over a map's places.
struct Tail {
    mean: NodeId,
    /// The linear layers, the classifier first.
    linear: Vec<NodeId>,
    /// Height and width of the map.
    places: [usize; 2],
}

impl Graph {
    /// Classes, height and width of the logits of every place of the last map; none where the classifier is not linear in the mean of one.
    pub fn class_map(&self) -> Option<[usize; 3]> {
        self.tail().map(|tail| [self.classes(), tail.places[0], tail.places[1]])
    }

    /// The same network with the logits of every place as the stage [`CLASS_MAP`], by the classifier's own parameters: the mean over places
    /// is taken behind the linear layers in place of before them, which changes features and logits by rounding alone. `None` as for
    /// [`class_map`](Self::class_map).
    #[must_use]
    pub fn with_class_map(&self) -> Option<Self> {
        let Tail { mean, linear, places: [height, width] } = self.tail()?;
        let map = *self.node(mean).inputs.first()?;
        let moved = |id: NodeId| if id == mean { map } else { NodeId(id.0 - usize::from(id.0 > mean.0)) };
        let mut graph = self.clone();
        let Node { name, .. } = graph.nodes.remove(mean.0);
        graph.nodes.iter_mut().flat_map(|node| &mut node.inputs).for_each(|id| *id = moved(*id));
        graph.stages.iter_mut().for_each(|(_, id)| *id = moved(*id));
        graph.blocks.iter_mut().for_each(|id| *id = moved(*id));
        for node in linear.iter().map(|id| moved(*id).0) {
            let channels = graph.nodes[node].shape.len();
            graph.nodes[node].shape = Shape::Map { channels, height, width };
        }
        let mut mean_of = |name: String, of: NodeId| {
            let shape = Shape::Vector(graph.nodes[of.0].shape.channels());
            graph.nodes.push(Node { name, layer: Layer::GlobalAvgPool, inputs: vec![of], shape });
            NodeId(graph.nodes.len() - 1)
        };
        let class_map = moved(self.logits);
        graph.features = mean_of(name, moved(self.features));
        graph.logits = mean_of(format!("{CLASS_MAP}.mean"), class_map);
        graph.stages.push((CLASS_MAP.to_owned(), class_map));
        Some(graph)
    }

    fn tail(&self) -> Option<Tail> {
        let (mut at, mut linear) = (self.logits, Vec::new());
        while let Layer::Linear(_) = self.node(at).layer {
            linear.push(at);
            at = *self.node(at).inputs.first()?;
        }
        let (mean, source) = (at, self.node(at).inputs.first()?);
        let (Layer::GlobalAvgPool, Shape::Map { height, width, .. }) =
            (&self.node(mean).layer, self.node(*source).shape)
        else {
            return None;
        };
        // Whoever else reads these vectors would find maps in their place.
        let readers = |id: &NodeId| self.nodes.iter().filter(|node| node.inputs.contains(id)).count();
        let [classifier, inner @ ..] = &linear[..] else { return None };
        let alone = readers(classifier) == 0 && inner.iter().chain([&mean]).all(|id| readers(id) == 1);
        let has_features = self.features == mean || inner.contains(&self.features);
        let named = self.stages.iter().any(|(name, id)| name == CLASS_MAP || *id == mean || linear.contains(id));
        (alone && has_features && !named).then_some(Tail { mean, linear, places: [height, width] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, ZooOptions};

    fn build(model: &str) -> Graph {
        zoo::build(model, &ZooOptions::new(10, 3, 32, 32)).unwrap()
    }

    #[test]
    fn a_class_map_keeps_the_parameters_and_every_other_stage() {
        for (model, places) in
            [("wrn_16_1", 8), ("resnet8x4", 8), ("vgg8", 4), ("wrn_16_1+lift128", 8), ("mobilenet_v2", 1)]
        {
            let graph = build(model);
            let mapped = graph.with_class_map().unwrap();
            assert_eq!(graph.class_map(), Some([10, places, places]), "{model}");
            let map = mapped.node(mapped.stage(CLASS_MAP).unwrap());
            assert_eq!(map.shape, Shape::Map { channels: 10, height: places, width: places });
            assert_eq!(map.name, graph.node(graph.logits()).name);
            let tensors = |graph: &Graph| {
                let all = graph.parameters().into_iter();
                all.map(|spec| (spec.key, spec.shape)).collect::<Vec<_>>()
            };
            assert_eq!(tensors(&mapped), tensors(&graph), "{model}");
            assert_eq!((mapped.feature_width(), mapped.classes()), (graph.feature_width(), graph.classes()));
            for (stage, id) in graph.stages() {
                assert_eq!(mapped.node(mapped.stage(stage).unwrap()).name, graph.node(*id).name, "{model}");
            }
            for (at, node) in mapped.nodes().iter().enumerate() {
                assert!(node.inputs.iter().all(|input| input.0 < at), "{model}: {}", node.name);
            }
            assert!(mapped.class_map().is_none(), "{model}: once is enough");
        }
    }

    #[test]
    fn a_classifier_on_no_mean_or_behind_another_function_has_none() {
        for model in ["mlp-3", "mobilenet_v3_small"] {
            let graph = build(model);
            assert!(graph.class_map().is_none() && graph.with_class_map().is_none(), "{model}");
        }
    }
}
