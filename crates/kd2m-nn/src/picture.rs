//! Pictures of graphs for documents: text in the language of Mermaid, which many Markdown viewers draw.
//! Batch norms and activations stand in the box of the layer that they follow, or no picture would fit a page.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    graph::{Graph, NodeId},
    layer::Layer,
};

impl Graph {
    /// The graph as a Mermaid flowchart: a box a layer with its output shape, one a sample; marked outputs are rounded.
    pub fn to_mermaid(&self) -> String {
        let owners = self.owners();
        let mut boxes: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        for (index, owner) in owners.iter().enumerate() {
            boxes.entry(*owner).or_default().push(NodeId(index));
        }
        let mut text = String::from("flowchart TD\n");
        for (owner, members) in &boxes {
            let Some(last) = members.last() else { continue };
            let (open, close) = if self.mark(members).is_some() { ("([", "])") } else { ("[", "]") };
            let layers: Vec<String> = members.iter().map(|m| self.node(*m).layer.to_string()).collect();
            let mark = self.mark(members).map_or_else(String::new, |m| format!("<br/><i>{m}</i>"));
            let (name, layers, shape) = (&self.node(*owner).name, layers.join(", "), self.node(*last).shape);
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  n{}{open}\"{name}<br/>{layers}<br/>{shape}{mark}\"{close}", owner.0);
        }
        for (owner, members) in &boxes {
            for input in members.iter().flat_map(|m| &self.node(*m).inputs).map(|i| owners[i.0]) {
                if input != *owner {
                    let _ = writeln!(text, "  n{} --> n{}", input.0, owner.0);
                }
            }
        }
        text
    }

    /// The node in whose box each node is drawn.
    fn owners(&self) -> Vec<NodeId> {
        let mut readers = vec![0; self.nodes().len()];
        for input in self.nodes().iter().flat_map(|n| &n.inputs) {
            readers[input.0] += 1;
        }
        let mut owners: Vec<NodeId> = Vec::with_capacity(readers.len());
        for (index, node) in self.nodes().iter().enumerate() {
            let joins = matches!(node.layer, Layer::BatchNorm(_) | Layer::Relu | Layer::Relu6);
            owners.push(match node.inputs[..] {
                [input] if joins && readers[input.0] == 1 && self.mark(&[input]).is_none() => owners[input.0],
                _ => NodeId(index),
            });
        }
        owners
    }

    /// What a reader of the graph may ask for among these nodes.
    fn mark(&self, nodes: &[NodeId]) -> Option<&str> {
        let stage = self.stages().iter().find(|(_, id)| nodes.contains(id)).map(|(name, _)| name.as_str());
        stage
            .or_else(|| nodes.contains(&self.features()).then_some("features"))
            .or_else(|| nodes.contains(&self.logits()).then_some("logits"))
    }
}

#[cfg(test)]
mod tests {
    use crate::zoo::{self, ZooOptions};

    #[test]
    fn a_residual_block_has_two_ways_into_its_sum() {
        let text = zoo::build("resnet8", &ZooOptions::new(10, 3, 32, 32)).unwrap().to_mermaid();
        assert!(text.starts_with("flowchart TD\n"), "{text}");
        let conv = "\"layer2.0.conv1<br/>conv 3×3 /2 16→32, batch norm, ReLU<br/>32×16×16\"]";
        assert!(text.contains(conv), "{text}");
        let sum = text.lines().find(|l| l.contains("layer2.0.add")).unwrap();
        let id = sum.trim().split(['[', '(']).next().unwrap();
        assert_eq!(text.matches(&format!("--> {id}\n")).count(), 2, "{text}");
        assert!(text.contains("<i>layer2</i>") && text.contains("<i>features</i>") && text.contains("<i>logits</i>"));
    }
}
