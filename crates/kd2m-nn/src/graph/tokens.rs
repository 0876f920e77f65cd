//! Tokens behind each block as maps that criteria read: those of the image's patches, the class token, all of them.

use super::{Graph, Node, grid};
use crate::{
    layer::{Layer, Places},
    parameter::NodeId,
    shape::Shape,
};

/// What a block's class token is called behind the block's name.
const CLASS: &str = "-class";
/// What all of its tokens are called.
const ALL: &str = "-tokens";

impl Graph {
    /// What criteria may read of tokens beside [`stages`](Self::stages), each with its channels, height and width: `block-N`, counted from 1, the
    /// patches' tokens where they lie in the image; `block-N-class` the token before them; `block-N-tokens` all, one below another.
    pub fn token_stages(&self) -> Vec<(String, [usize; 3])> {
        let sizes = |(name, id, places): (String, NodeId, Places)| {
            (name, [self.node(id).shape.channels(), places.height, places.width])
        };
        self.token_places().map(sizes).collect()
    }

    /// The same network with those of them as stages that are wanted. `None` where there are none of them to add.
    #[must_use]
    pub fn with_token_stages(&self, wanted: &[String]) -> Option<Self> {
        let is_new = |name: &String| wanted.contains(name) && self.stage(name).is_none();
        let added: Vec<_> = self.token_places().filter(|(name, ..)| is_new(name)).collect();
        if added.is_empty() {
            return None;
        }
        let mut graph = self.clone();
        for (name, id, places) in added {
            let Places { height, width, .. } = places;
            let shape = Shape::Map { channels: self.node(id).shape.channels(), height, width };
            graph.nodes.push(Node { name: name.clone(), layer: Layer::Places(places), inputs: vec![id], shape });
            graph.stages.push((name, NodeId(graph.nodes.len() - 1)));
        }
        Some(graph)
    }

    fn token_places(&self) -> impl Iterator<Item = (String, NodeId, Places)> {
        let grid = grid(&self.nodes);
        let ends = self.blocks.iter().zip(1..).filter_map(move |(id, number)| {
            let (Shape::Tokens { tokens, .. }, [height, width]) = (self.node(*id).shape, grid?) else { return None };
            Some((*id, number, tokens, tokens.checked_sub(height * width)?, [height, width]))
        });
        ends.flat_map(|(id, number, tokens, skip, [height, width])| {
            let name = |what: &str| format!("block-{number}{what}");
            let class = (skip > 0).then(|| (name(CLASS), id, Places { skip: 0, height: 1, width: 1 }));
            let patches = (name(""), id, Places { skip, height, width });
            [Some(patches), class, Some((name(ALL), id, Places { skip: 0, height: tokens, width: 1 }))]
                .into_iter()
                .flatten()
        })
    }
}

/// Whether a stage is another look at the tokens of one that is there too.
pub fn is_second_look(stage: &str) -> bool {
    stage.starts_with("block-") && [CLASS, ALL].iter().any(|suffix| stage.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, ZooOptions};

    #[test]
    fn every_block_of_a_transformer_is_seen_three_ways() {
        let graph = zoo::build("vit_tiny_cifar", &ZooOptions::new(10, 3, 32, 24)).unwrap();
        let stages = graph.token_stages();
        assert_eq!(stages.len(), 36);
        let first = [("block-1", [192, 8, 6]), ("block-1-class", [192, 1, 1]), ("block-1-tokens", [192, 49, 1])];
        assert_eq!(stages[..3], first.map(|(name, shape)| (name.to_owned(), shape)));
        let wanted = ["block-12-class".to_owned(), "block-2".to_owned(), "stem".to_owned()];
        let seen = graph.with_token_stages(&wanted).unwrap();
        let added: Vec<&str> = seen.stages().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(added, ["stem", "block-2", "block-12-class"]);
        assert_eq!(seen.node(seen.stage("block-2").unwrap()).shape, Shape::Map { channels: 192, height: 8, width: 6 });
        assert!(seen.with_token_stages(&wanted).is_none(), "once is enough");
        assert!(graph.with_token_stages(&["stem".to_owned()]).is_none());
        for model in ["resnet18", "mlp-3"] {
            assert!(zoo::build(model, &ZooOptions::new(10, 3, 32, 32)).unwrap().token_stages().is_empty());
        }
        assert!(is_second_look("block-3-class") && !is_second_look("block-3") && !is_second_look("layer1-class"));
    }
}
