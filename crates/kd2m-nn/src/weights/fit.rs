//! How the tensors of a file fit a network: under which prefix its names lie, and what differs there. Nothing is a list of known prefixes: every
//! name votes for what stands before the network's names in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    check::{Mismatch, Problem, differences},
    names::alternatives,
    positions::Grid,
    slot::{Slot, Slots, is_no_weight},
};
use crate::{graph::Graph, parameter::ParameterSpec};

/// What a network needs of a file.
pub(super) struct Needs {
    specs: Vec<ParameterSpec>,
    /// Tensors of the classifier, which may be others or lack.
    free: BTreeSet<String>,
    /// Of positions, which may be of another number of patches.
    pub grids: BTreeMap<String, Grid>,
    /// Place in `specs` by every name that the tensor may have.
    by_name: HashMap<String, usize>,
}

/// The network's tensors under one prefix of a state dict.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fit {
    pub prefix: String,
    /// The file's name of each of our keys that is there.
    pub names: BTreeMap<String, String>,
    /// Tensors beside the network, outside the prefix.
    pub beside: Vec<String>,
    pub mismatch: Option<Mismatch>,
}

impl Needs {
    /// Of this network; tensors of the classifier are free where only a start is wanted.
    pub fn new(graph: &Graph, free: impl Fn(&ParameterSpec) -> bool) -> Self {
        let specs = graph.parameters();
        let names = |spec: &ParameterSpec| alternatives(&graph.name, &spec.key);
        let by_name = specs.iter().enumerate().flat_map(|(i, s)| names(s).into_iter().map(move |n| (n, i)));
        let free = specs.iter().filter(|s| free(s)).map(|s| s.key.clone()).collect();
        let grids = specs.iter().filter_map(|s| Some((s.key.clone(), Grid::of(graph, s)?))).collect();
        Self { by_name: by_name.collect(), free, grids, specs }
    }

    /// How many numbers its largest tensor has.
    pub fn largest(&self) -> usize {
        self.specs.iter().map(ParameterSpec::len).max().unwrap_or(0)
    }

    /// Every prefix under which all that is not free is found; none: the one under which most is.
    pub fn fits(&self, slots: &Slots) -> Vec<Fit> {
        let body = self.specs.iter().filter(|s| !self.free.contains(&s.key)).count();
        let mut votes: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let longest = self.by_name.keys().map(String::len).max().unwrap_or(0);
        for name in slots.keys() {
            for (at, _) in name.char_indices().filter(|(at, _)| name.len() - at <= longest) {
                if let Some(spec) = self.by_name.get(&name[at..]) {
                    votes.entry(&name[..at]).or_default().insert(*spec);
                }
            }
        }
        let of_body =
            |found: &BTreeSet<usize>| found.iter().filter(|i| !self.free.contains(&self.specs[**i].key)).count();
        let whole: Vec<&str> = votes.iter().filter(|(_, found)| of_body(found) >= body).map(|(p, _)| *p).collect();
        if !whole.is_empty() {
            return whole.iter().map(|prefix| self.fit(slots, prefix, &whole)).collect();
        }
        // Most names, and of equals the shortest prefix.
        let best = votes.iter().max_by_key(|(prefix, found)| (found.len(), std::cmp::Reverse(prefix.len())));
        vec![self.fit(slots, best.map_or("", |(prefix, _)| prefix), &[])]
    }

    /// What lies below a prefix; other prefixes with a whole network below them are no part of it.
    fn fit(&self, slots: &Slots, prefix: &str, others: &[&str]) -> Fit {
        let others: Vec<&&str> =
            others.iter().filter(|other| other.len() > prefix.len() && other.starts_with(prefix)).collect();
        let is_inside = |name: &str| name.starts_with(prefix) && !others.iter().any(|other| name.starts_with(**other));
        let mut names = BTreeMap::new();
        let (mut found, mut beside) = (BTreeMap::new(), Vec::new());
        for (name, slot) in slots {
            if !is_inside(name) {
                if !is_no_weight(name, slot) {
                    beside.push(name.clone());
                }
                continue;
            }
            let short = &name[prefix.len()..];
            match self.by_name.get(short).map(|i| &self.specs[*i].key) {
                // Our own name goes before another program's.
                Some(key) if short == key || !found.contains_key(key) => {
                    names.insert(key.clone(), name.clone());
                    found.insert(key.clone(), slot.clone());
                }
                _ if is_no_weight(name, slot) => {}
                _ => drop(found.insert(short.to_owned(), slot.clone())),
            }
        }
        Fit { prefix: prefix.to_owned(), names, beside, mismatch: self.mismatch(found) }
    }

    fn mismatch(&self, mut found: Slots) -> Option<Mismatch> {
        for spec in self.specs.iter().filter(|s| self.free.contains(&s.key)) {
            // A classifier may also be several layers: `fc.0.weight`.
            let module = spec.key.rsplit_once('.').map_or("", |(module, _)| module);
            found.retain(|name, _| !name.strip_prefix(module).is_some_and(|rest| rest.starts_with('.')));
        }
        for key in &self.free {
            let shape = self.specs.iter().find(|s| s.key == *key).map(|s| s.shape.clone());
            found.extend(shape.map(|shape| (key.clone(), Slot::Tensor(shape))));
        }
        for spec in &self.specs {
            let grid = self.grids.get(&spec.key);
            if let Some(slot) = found.get_mut(&spec.key).filter(|slot| grid.is_some_and(|grid| grid.takes(slot))) {
                *slot = Slot::Tensor(spec.shape.clone());
            }
        }
        let problems: Vec<Problem> = differences(&self.specs, &found);
        (!problems.is_empty()).then_some(Mismatch { problems })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, Stem, ZooOptions};

    fn graph() -> Graph {
        zoo::build("resnet18", &ZooOptions::new(10, 3, 32, 32).stem(Stem::Cifar)).unwrap()
    }

    fn slots(graph: &Graph, name: impl Fn(&str) -> String) -> Slots {
        graph.parameters().iter().map(|s| (name(&s.key), Slot::Tensor(s.shape.clone()))).collect()
    }

    fn fits(graph: &Graph, slots: &Slots) -> Vec<Fit> {
        Needs::new(graph, |_| false).fits(slots)
    }

    #[test]
    fn any_prefix_is_found_with_any_family_s_names() {
        let graph = graph();
        for prefix in ["", "module.", "model.module._orig_mod.", "backbone.", "net_", "a.b.c.d."] {
            for family in 0..6 {
                let name = |key: &str| {
                    let all = alternatives(&graph.name, key);
                    let theirs = match family {
                        // RepDistiller's both at once.
                        0 => key.replace("downsample.", "shortcut.").replace("fc.", "linear."),
                        1 => all
                            .iter()
                            .find(|n| n.starts_with("resnet.") || n.starts_with("classifier"))
                            .unwrap()
                            .clone(),
                        2 => all
                            .iter()
                            .find(|n| {
                                n.starts_with("conv") && n.contains("_x.") || n.starts_with("conv1.") && *n != key
                            })
                            .unwrap_or(&all[0])
                            .clone(),
                        _ => key.to_owned(),
                    };
                    format!("{prefix}{theirs}")
                };
                let [fit] = fits(&graph, &slots(&graph, name)).try_into().unwrap();
                assert_eq!((fit.prefix.as_str(), fit.mismatch), (prefix, None), "family {family}");
                assert_eq!(fit.names.len(), graph.parameters().len());
            }
        }
    }

    #[test]
    fn what_lies_outside_the_prefix_is_beside_and_what_lies_inside_is_unexpected() {
        let graph = graph();
        let mut file = slots(&graph, |key| format!("model.{key}"));
        file.insert("criterion.weight".into(), Slot::Tensor(vec![10]));
        file.insert("model.bn1.num_batches_tracked".into(), Slot::Other("holds whole numbers".into()));
        let [fit] = fits(&graph, &file).try_into().unwrap();
        assert_eq!((fit.mismatch, fit.beside), (None, vec!["criterion.weight".to_owned()]));
        file.insert("model.extra.weight".into(), Slot::Tensor(vec![10]));
        let [fit] = fits(&graph, &file).try_into().unwrap();
        assert!(fit.mismatch.unwrap().to_string().starts_with("extra.weight is unexpected"));
    }

    #[test]
    fn two_networks_under_two_prefixes_both_fit() {
        let graph = graph();
        let mut file = slots(&graph, |key| format!("teacher.{key}"));
        file.extend(slots(&graph, |key| format!("student.{key}")));
        // And one without a prefix: the others are no part of it.
        file.extend(slots(&graph, str::to_owned));
        let found: Vec<(String, Option<Mismatch>)> =
            fits(&graph, &file).into_iter().map(|f| (f.prefix, f.mismatch)).collect();
        assert_eq!(found, [("".into(), None), ("student.".into(), None), ("teacher.".into(), None)]);
    }

    #[test]
    fn of_another_network_the_nearest_prefix_is_told() {
        let (graph, deeper) =
            (graph(), zoo::build("resnet34", &ZooOptions::new(10, 3, 32, 32).stem(Stem::Cifar)).unwrap());
        let [fit] = fits(&deeper, &slots(&graph, |key| format!("net.{key}"))).try_into().unwrap();
        let words = fit.mismatch.unwrap().to_string();
        assert!(fit.prefix == "net." && words.starts_with("layer1.2.conv1.weight is missing"), "{words}");
    }

    #[test]
    fn a_free_classifier_may_be_another_or_several_layers_or_none() {
        let graph = graph();
        let free = Needs::new(&graph, |s| s.node == graph.logits());
        let mut file = slots(&graph, |key| format!("encoder.{key}"));
        file.insert("encoder.fc.weight".into(), Slot::Tensor(vec![1000, 512]));
        assert_eq!(free.fits(&file)[0].mismatch, None);
        file.retain(|name, _| !name.starts_with("encoder.fc."));
        assert_eq!(free.fits(&file)[0].mismatch, None);
        file.insert("encoder.fc.0.weight".into(), Slot::Tensor(vec![512, 512]));
        file.insert("head.0.weight".into(), Slot::Tensor(vec![512, 512]));
        let [fit] = free.fits(&file).try_into().unwrap();
        assert_eq!((fit.prefix.as_str(), fit.mismatch), ("encoder.", None));
        file.remove("encoder.conv1.weight");
        assert!(free.fits(&file)[0].mismatch.is_some());
    }
}
