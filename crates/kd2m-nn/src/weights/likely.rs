//! Which network of ours the tensors of a file are most like, for the sentence that says that they do not fit the one asked for.

use super::{
    fit::Needs,
    slot::{Slot, Slots},
};
use crate::{
    graph::Graph,
    shape::Shape,
    zoo::{MODELS, Stem, ZooOptions},
};

/// Fewer of a network's tensors than this share say nothing.
const ENOUGH: f64 = 0.3;

/// More names than any network has: not worth the time.
const MOST: usize = 20_000;

/// The nearest network, as a clause; nothing where none is near.
pub(super) fn likely(graph: &Graph, slots: &Slots) -> Option<String> {
    let Shape::Map { channels, height, width } = graph.input_shape() else { return None };
    if slots.len() > MOST {
        return None;
    }
    let mut best: Option<(f64, String)> = None;
    for entry in MODELS {
        let build = |stem| (entry.build)(&ZooOptions::new(graph.classes(), channels, height, width).stem(stem)).ok();
        let mut networks = vec![(build(Stem::Imagenet), "imagenet"), (build(Stem::Cifar), "cifar")];
        // In most families both stems are one network.
        networks.dedup_by(|a, b| a.0 == b.0);
        let one = networks.len() == 1;
        for (network, stem) in networks {
            let Some(network) = network else { continue };
            let found = alike(&network, slots);
            let name = if one { entry.name.to_owned() } else { format!("{} (stem = \"{stem}\")", entry.name) };
            let classes = found.classes.map_or_else(String::new, |n| format!(" of {n} classes"));
            let said = match () {
                () if found.whole => format!("it is {name}{classes}"),
                // The very network that was asked for.
                () if one && entry.name == graph.name => "it is one of other sizes".to_owned(),
                () => format!("it is most like {name}"),
            };
            if found.share >= ENOUGH && best.as_ref().is_none_or(|(most, _)| found.share > *most) {
                best = Some((found.share, said));
            }
        }
    }
    best.map(|(_, said)| said)
}

/// What a network and a file have in common.
struct Alike {
    /// Of all tensors but the classifier's.
    share: f64,
    /// Whether all of them are.
    whole: bool,
    /// Of the file's classifier.
    classes: Option<usize>,
}

fn alike(graph: &Graph, slots: &Slots) -> Alike {
    let specs = graph.parameters();
    let needs = Needs::new(graph, |spec| spec.node == graph.logits());
    let fits = needs.fits(slots);
    let Some(fit) = fits.first() else { return Alike { share: 0.0, whole: false, classes: None } };
    let shape = |key: &str| match fit.names.get(key).and_then(|name| slots.get(name)) {
        Some(Slot::Tensor(shape)) => Some(shape),
        _ => None,
    };
    let (head, body): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| spec.node == graph.logits());
    let same = body.iter().filter(|spec| shape(&spec.key) == Some(&spec.shape)).count();
    let of_file = slots.iter().filter(|(name, slot)| name.starts_with(&fit.prefix) && matches!(slot, Slot::Tensor(_)));
    let all = body.len().max(of_file.count().saturating_sub(head.len())).max(1);
    let classes = head.iter().find_map(|spec| shape(&spec.key)?.first().copied());
    Alike { share: same as f64 / all as f64, whole: fit.mismatch.is_none(), classes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{weights::names::alternatives, zoo};

    fn graph(name: &str, classes: usize) -> Graph {
        zoo::build(name, &ZooOptions::new(classes, 3, 32, 32)).unwrap()
    }

    /// The tensors of a network under the names of another program.
    fn file(graph: &Graph, name: impl Fn(&str) -> String) -> Slots {
        graph.parameters().into_iter().map(|s| (name(&s.key), Slot::Tensor(s.shape))).collect()
    }

    /// `akamaster/pytorch_resnet_cifar10`: no tensors in shortcuts, where the literature's networks have projections.
    #[test]
    fn networks_that_differ_in_their_shortcuts_are_told_apart() {
        let without = file(&graph("resnet20_a", 10), |key| format!("module.{}", key.replace("fc.", "linear.")));
        let with = file(&graph("resnet20", 10), |key| key.to_owned());
        for (asked, slots, right) in [
            ("resnet20", &without, "it is resnet20_a of 10 classes"),
            ("resnet20_a", &with, "it is resnet20 of 10 classes"),
        ] {
            let graph = graph(asked, 10);
            assert!(Needs::new(&graph, |_| false).fits(slots)[0].mismatch.is_some());
            assert_eq!(likely(&graph, slots).unwrap(), right);
        }
        assert_eq!(Needs::new(&graph("resnet20_a", 10), |_| false).fits(&without)[0].mismatch, None);
    }

    #[test]
    fn a_network_is_not_said_to_be_like_itself() {
        let grey = zoo::build("digits-cnn-teacher", &ZooOptions::new(10, 1, 8, 8)).unwrap();
        let of_colours = graph("digits-cnn-teacher", 2);
        assert_eq!(likely(&of_colours, &file(&grey, str::to_owned)).unwrap(), "it is one of other sizes");
    }

    /// The same tensors under another padding give other logits: their names say which.
    #[test]
    fn weights_of_tensorflow_are_its_padding_s() {
        let network = graph("tf_efficientnet_lite0", 1000);
        let port = file(&network, |key| alternatives(&network.name, key).pop().unwrap());
        assert_eq!(Needs::new(&network, |_| false).fits(&port)[0].mismatch, None);
        let other = graph("efficientnet_lite0", 10);
        assert!(Needs::new(&other, |_| false).fits(&port)[0].mismatch.is_some());
        assert_eq!(likely(&other, &port).unwrap(), "it is tf_efficientnet_lite0 of 1000 classes");
    }
}
