//! Where values are rounded: after every layer but the last, unless an activation that is a limit follows at once, and before every
//! layer that reads an output. A layer that only moves values keeps the grid of what it reads.

use std::collections::BTreeMap;

use super::fold::{begin, end, readers};
use crate::{
    graph::{Graph, GraphError, NodeId},
    layer::{Layer, Quantise},
    parameter::Role,
    weights::{NamedTensor, Weights},
};

/// The least and the largest value of each layer's output, by the layer's name.
pub type Ranges = BTreeMap<String, [f32; 2]>;

/// Whole numbers that a tensor of weights is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Steps {
    /// Of eight bits, −127…127, a step for each output.
    Weight(Vec<f32>),
    /// Of 32 bits, a step for each output.
    Bias(Vec<f32>),
}

/// A quantised network.
#[derive(Debug, Clone)]
pub struct Int8 {
    /// The network with a [`Quantise`] wherever values are rounded.
    pub graph: Graph,
    /// Its weights as the integers stand for them.
    pub weights: Weights,
    /// By what they are to be divided to be integers.
    pub steps: BTreeMap<String, Steps>,
}

/// Whether a layer only moves or picks values.
fn moves(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::MaxPool(_) | Layer::Flatten | Layer::Slice { .. } | Layer::ChannelShuffle { .. } | Layer::Tokens
    )
}

/// Whether what a node gives is rounded before others read it.
fn is_rounded(graph: &Graph, at: usize) -> bool {
    let node = &graph.nodes()[at];
    let sums = matches!(node.layer, Layer::Conv(_) | Layer::Linear(_) | Layer::Add | Layer::BatchNorm(_));
    let limits = |reader: usize| matches!(graph.nodes()[reader].layer, Layer::Relu | Layer::Relu6);
    let mut all = readers(graph, at).peekable();
    at != 0 && all.peek().is_some() && !(sums && all.all(limits))
}

/// The network with every value that is rounded a stage, under its layer's name; and these names.
///
/// # Errors
/// None for a graph that was built.
pub fn watched(graph: &Graph) -> Result<(Graph, Vec<String>), GraphError> {
    let (mut builder, first) = begin(graph);
    let mut places = vec![NodeId(0), first];
    for node in graph.nodes().iter().skip(2) {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|id| places[id.0]).collect();
        places.push(builder.push(&node.name, node.layer.clone(), &inputs));
    }
    let watched = (0..places.len()).filter(|at| is_rounded(graph, *at) && !moves(&graph.nodes()[*at].layer));
    let watched: Vec<usize> = watched.collect();
    for at in &watched {
        builder.stage(&graph.nodes()[*at].name, places[*at]);
    }
    let graph_of = builder.finish_watched(places[graph.features().0], places[graph.logits().0])?;
    Ok((graph_of, watched.into_iter().map(|at| graph.nodes()[at].name.clone()).collect()))
}

/// The network on integers, with values rounded to grids that cover these ranges.
///
/// # Errors
/// None for a graph that was built.
pub fn quantise(graph: &Graph, weights: &Weights, ranges: &Ranges) -> Result<Int8, GraphError> {
    let (mut builder, first) = begin(graph);
    // Of each node what outputs are, and what others read.
    let (mut plain, mut rounded) = (vec![NodeId(0), first], vec![NodeId(0), first]);
    let mut grids: Vec<Option<Quantise>> = vec![None; graph.nodes().len()];
    for (at, node) in graph.nodes().iter().enumerate() {
        if at >= 2 {
            let inputs: Vec<NodeId> = node.inputs.iter().map(|id| rounded[id.0]).collect();
            let id = builder.push(&node.name, node.layer.clone(), &inputs);
            plain.push(id);
            rounded.push(id);
        }
        let grid = match node.inputs.first() {
            Some(from) if moves(&node.layer) => grids[from.0],
            _ => ranges.get(&node.name).map(|[low, high]| Quantise::covering(*low, *high)),
        };
        if let Some(grid) = grid.filter(|_| is_rounded(graph, at)) {
            grids[at] = Some(grid);
            rounded[at] = builder.push(&format!("{}.int8", node.name), Layer::Quantise(grid), &[plain[at]]);
        }
    }
    let (weights, steps) = on_grids(graph, weights, &grids);
    Ok(Int8 { graph: end(graph, builder, &plain)?, weights, steps })
}

/// Weights of products as whole numbers times a step for each output; biases by that times the step of what is multiplied.
fn on_grids(graph: &Graph, weights: &Weights, grids: &[Option<Quantise>]) -> (Weights, BTreeMap<String, Steps>) {
    let (mut rounded, mut all) = (weights.clone(), BTreeMap::new());
    for spec in graph.parameters() {
        let node = graph.node(spec.node);
        if spec.role != Role::Weight || !matches!(node.layer, Layer::Conv(_) | Layer::Linear(_)) {
            continue;
        }
        let Some(tensor) = weights.get(&spec.key) else { continue };
        let outputs = spec.shape.first().copied().unwrap_or(1);
        let each = (tensor.values.len() / outputs.max(1)).max(1);
        let step = |row: &[f32]| {
            let most = row.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
            if most > 0.0 { most / 127.0 } else { 1.0 }
        };
        let steps: Vec<f32> = tensor.values.chunks(each).map(step).collect();
        rounded.insert(spec.key.clone(), by_steps(tensor, &steps, 127.0));
        let bias = format!("{}.bias", node.name);
        let read = node.inputs.first().and_then(|id| grids[id.0]);
        if let (Some(tensor), Some(read)) = (weights.get(&bias), read) {
            let steps: Vec<f32> = steps.iter().map(|step| step * read.step).collect();
            // Beyond 2²⁴ an f32 is a whole number anyway.
            rounded.insert(bias.clone(), by_steps(tensor, &steps, 2_147_483_520.0));
            all.insert(bias, Steps::Bias(steps));
        }
        all.insert(spec.key, Steps::Weight(steps));
    }
    (rounded, all)
}

/// The nearest multiples of a step for each output.
fn by_steps(tensor: &NamedTensor, steps: &[f32], most: f32) -> NamedTensor {
    let each = (tensor.values.len() / steps.len().max(1)).max(1);
    let near = |(i, x): (usize, &f32)| (x / steps[i / each]).round_ties_even().clamp(-most, most) * steps[i / each];
    NamedTensor { shape: tensor.shape.clone(), values: tensor.values.iter().enumerate().map(near).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        init::initialise,
        int8::fold,
        zoo::{self, ZooOptions},
    };

    #[test]
    fn grids_cover_their_ranges_and_zero_and_round_half_to_even() {
        let grid = Quantise::covering(0.0, 2.55);
        assert_eq!((grid.zero, grid.value(0.0)), (-128, 0.0));
        assert!((grid.step - 0.01).abs() < 1e-8 && (grid.value(9.0) - 2.55).abs() < 1e-6 && grid.value(-1.0) == 0.0);
        let both = Quantise { step: 0.5, zero: 3 };
        assert_eq!([0.25, 0.75, -0.25, 0.3].map(|x| both.value(x)), [0.0, 1.0, 0.0, 0.5]);
        assert_eq!((both.range(), both.value(1e9), both.value(-1e9)), ([-65.5, 62.0], 62.0, -65.5));
        assert_eq!(Quantise::covering(0.0, 0.0).value(0.0), 0.0);
        // What all is above 0 has 0 too.
        assert_eq!(Quantise::covering(3.0, 4.0).value(0.0), 0.0);
    }

    /// Tokens are watched and rounded like maps, and what the linear layers of a block read is on a grid.
    #[test]
    fn every_product_of_a_transformer_reads_whole_numbers() {
        let graph = zoo::build("vit_tiny_cifar", &ZooOptions::new(10, 3, 8, 8)).unwrap();
        let (graph, weights) = fold(&graph, &initialise(&graph, 1)).unwrap();
        let names = watched(&graph).unwrap().1;
        assert!(
            names.iter().any(|name| name == "blocks.3.norm1") && names.iter().any(|name| name == "blocks.3.mlp.act")
        );
        let ranges: Ranges = names.iter().map(|name| (name.clone(), [-1.0, 3.0])).collect();
        let Int8 { graph, .. } = quantise(&graph, &weights, &ranges).unwrap();
        for node in graph.nodes().iter().filter(|n| matches!(n.layer, Layer::Linear(_))) {
            assert!(matches!(graph.node(node.inputs[0]).layer, Layer::Quantise(_)), "{}", node.name);
        }
    }

    #[test]
    fn folding_takes_every_batch_norm_of_a_resnet_and_weights_become_whole_numbers() {
        let graph = zoo::build("resnet8", &ZooOptions::new(10, 3, 32, 32)).unwrap();
        let weights = initialise(&graph, 1);
        let (folded, moved) = fold(&graph, &weights).unwrap();
        assert!(!folded.nodes().iter().any(|n| matches!(n.layer, Layer::BatchNorm(_))));
        assert_eq!(crate::weights::check(&folded, &moved), Ok(()));
        let (of_stages, names) = watched(&folded).unwrap();
        assert_eq!(of_stages.stages().len(), names.len());
        let ranges: Ranges = names.iter().map(|name| (name.clone(), [-1.0, 3.0])).collect();
        let Int8 { graph, weights, steps } = quantise(&folded, &moved, &ranges).unwrap();
        assert_eq!(crate::weights::check(&graph, &weights), Ok(()));
        let rounded = graph.nodes().iter().filter(|n| matches!(n.layer, Layer::Quantise(_))).count();
        assert_eq!(rounded, names.len());
        // No output is rounded, and each product reads what is.
        for id in [graph.features(), graph.logits()] {
            assert!(!matches!(graph.node(id).layer, Layer::Quantise(_)));
        }
        for node in graph.nodes().iter().filter(|n| matches!(n.layer, Layer::Conv(_) | Layer::Linear(_))) {
            assert!(matches!(graph.node(node.inputs[0]).layer, Layer::Quantise(_)), "{}", node.name);
        }
        for (key, tensor) in &weights {
            let (Steps::Weight(all) | Steps::Bias(all)) = &steps[key];
            let each = tensor.values.len() / all.len();
            let whole = |(i, x): (usize, &f32)| (x / all[i / each] - (x / all[i / each]).round()).abs() < 1e-3;
            assert!(tensor.values.iter().enumerate().all(whole), "{key}");
            let far = tensor.values.iter().zip(&moved[key].values).enumerate();
            assert!(far.into_iter().all(|(i, (a, b))| (a - b).abs() <= 0.51 * all[i / each]), "{key}");
        }
    }
}
