//! Batch norms in evaluation are a factor and a summand for each channel: both go into the convolution or linear layer before them.

use std::collections::BTreeMap;

use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId},
    layer::Layer,
    weights::{NamedTensor, Weights},
};

/// The same network in evaluation, without the batch norms that alone read a convolution or a linear layer.
///
/// # Errors
/// None for a graph that was built; a tensor that the weights lack is left as it is and found by whoever checks them.
pub fn fold(graph: &Graph, weights: &Weights) -> Result<(Graph, Weights), GraphError> {
    let mut weights = weights.clone();
    let (mut builder, first) = begin(graph);
    let mut places = vec![NodeId(0), first];
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, node) in graph.nodes().iter().enumerate().skip(2) {
        if let Layer::BatchNorm(norm) = &node.layer
            && let Some(before) = node.inputs.first().map(|id| id.0)
            && is_alone(graph, before)
            && take_in(&mut weights, graph, before, &node.name, norm.eps)
        {
            taken.insert(at, before);
            places.push(places[before]);
            continue;
        }
        let mut layer = node.layer.clone();
        if is_folded_later(graph, at) {
            match &mut layer {
                Layer::Conv(conv) => conv.bias = true,
                Layer::Linear(linear) => linear.bias = true,
                _ => {}
            }
        }
        let inputs: Vec<NodeId> = node.inputs.iter().map(|id| places[id.0]).collect();
        places.push(builder.push(&node.name, layer, &inputs));
    }
    end(graph, builder, &places).map(|graph| (graph, weights))
}

/// A graph with the same images and normalisation.
pub(super) fn begin(graph: &Graph) -> (GraphBuilder, NodeId) {
    let (mean, std) = graph.normalisation();
    let (channels, height, width) = match graph.input_shape() {
        crate::Shape::Map { channels, height, width } => (channels, height, width),
        // The first node of every graph is a map.
        other => (other.len(), 1, 1),
    };
    GraphBuilder::new(&graph.name, channels, height, width, mean, std)
}

/// Stages and outputs where they were.
pub(super) fn end(graph: &Graph, mut builder: GraphBuilder, places: &[NodeId]) -> Result<Graph, GraphError> {
    for (name, at) in graph.stages() {
        builder.stage(name, places[at.0]);
    }
    builder.finish(places[graph.features().0], places[graph.logits().0])
}

/// Whether a node is a product whose only reader is a batch norm, and no output.
fn is_alone(graph: &Graph, at: usize) -> bool {
    let product = matches!(graph.nodes()[at].layer, Layer::Conv(_) | Layer::Linear(_));
    let outputs = [graph.features().0, graph.logits().0];
    let staged = graph.stages().iter().any(|(_, id)| id.0 == at);
    product && !staged && !outputs.contains(&at) && readers(graph, at).count() == 1
}

/// The nodes that read one.
pub(super) fn readers(graph: &Graph, at: usize) -> impl Iterator<Item = usize> + '_ {
    let reads = move |(reader, node): (usize, &crate::Node)| node.inputs.contains(&NodeId(at)).then_some(reader);
    graph.nodes().iter().enumerate().filter_map(reads)
}

fn is_folded_later(graph: &Graph, at: usize) -> bool {
    let norm = |reader: usize| matches!(graph.nodes()[reader].layer, Layer::BatchNorm(_));
    is_alone(graph, at) && readers(graph, at).all(norm)
}

/// Multiplies the weights by γ / √(variance + eps) and moves the bias; false where a tensor is not there.
fn take_in(weights: &mut Weights, graph: &Graph, before: usize, norm: &str, eps: f32) -> bool {
    let own = &graph.nodes()[before].name;
    let of = |suffix: &str| weights.get(&format!("{norm}.{suffix}")).map(|t| t.values.clone());
    let [Some(gamma), Some(beta), Some(mean), Some(variance)] =
        ["weight", "bias", "running_mean", "running_var"].map(of)
    else {
        return false;
    };
    let Some(weight) = weights.get(&format!("{own}.weight")).cloned() else { return false };
    let outputs = gamma.len();
    let old = weights.get(&format!("{own}.bias")).map_or_else(|| vec![0.0; outputs], |b| b.values.clone());
    let factor = |i: usize| f64::from(gamma[i]) / (f64::from(variance[i]) + f64::from(eps)).sqrt();
    let each = weight.values.len() / outputs.max(1);
    let scaled = |(i, w): (usize, &f32)| (f64::from(*w) * factor(i / each.max(1))) as f32;
    let values = weight.values.iter().enumerate().map(scaled).collect();
    let moved = |i: usize| (f64::from(beta[i]) + (f64::from(old[i]) - f64::from(mean[i])) * factor(i)) as f32;
    let bias = NamedTensor { shape: vec![outputs], values: (0..outputs).map(moved).collect() };
    weights.insert(format!("{own}.weight"), NamedTensor { shape: weight.shape, values });
    weights.insert(format!("{own}.bias"), bias);
    for suffix in ["weight", "bias", "running_mean", "running_var"] {
        weights.remove(&format!("{norm}.{suffix}"));
    }
    true
}
