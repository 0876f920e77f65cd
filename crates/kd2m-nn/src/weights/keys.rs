//! Names that other programs give the same tensors.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::Graph;

/// What wrappers put before every key: `DataParallel`, `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Parts that RepDistiller's ImageNet-style ResNets name otherwise than torchvision.
const SYNONYMS: [(&str, &str); 2] = [("shortcut.", "downsample."), ("linear.", "fc.")];

/// The same tensors without wrappers' prefixes, as long as all keys carry one.
pub(super) fn unwrap<T>(mut weights: BTreeMap<String, T>) -> BTreeMap<String, T> {
    while let Some(prefix) = WRAPPERS.iter().find(|p| !weights.is_empty() && weights.keys().all(|k| k.starts_with(**p)))
    {
        weights = weights.into_iter().map(|(key, tensor)| (key[prefix.len()..].to_owned(), tensor)).collect();
    }
    weights
}

/// The same tensors with a synonym replaced where the graph knows only the other name.
pub(super) fn adopt<T>(weights: BTreeMap<String, T>, graph: &Graph) -> BTreeMap<String, T> {
    let known: BTreeSet<String> = graph.parameters().into_iter().map(|p| p.key).collect();
    let rename = |key: String| {
        if known.contains(&key) {
            return key;
        }
        let renamed = SYNONYMS.iter().fold(key.clone(), |key, (theirs, ours)| key.replace(theirs, ours));
        if known.contains(&renamed) { renamed } else { key }
    };
    weights.into_iter().map(|(key, tensor)| (rename(key), tensor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Weights,
        init::initialise,
        zoo::{self, Stem, ZooOptions},
    };

    #[test]
    fn wrappers_and_synonyms_are_taken_off() {
        let graph = zoo::build("resnet18", &ZooOptions::new(10, 3, 32, 32).stem(Stem::Cifar)).unwrap();
        let weights = initialise(&graph, 0);
        let theirs =
            |key: &str| format!("module.{}", key.replace("downsample.", "shortcut.").replace("fc.", "linear."));
        let disguised: Weights = weights.iter().map(|(k, t)| (theirs(k), t.clone())).collect();
        assert_eq!(adopt(unwrap(disguised), &graph), weights);
    }

    #[test]
    fn a_prefix_that_some_keys_lack_stays() {
        let graph = zoo::build("mlp-3", &ZooOptions::new(10, 1, 8, 8)).unwrap();
        let mut weights = initialise(&graph, 0);
        let tensor = weights["fc.bias"].clone();
        weights.insert("module.extra".into(), tensor);
        assert_eq!(unwrap(weights.clone()), weights);
    }
}
