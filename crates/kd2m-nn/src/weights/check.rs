//! Whether a set of tensors is the one that a graph needs, and if not, what differs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use thiserror::Error;

use super::{NamedTensor, Weights};
use crate::{graph::Graph, zoo::nearest};

/// One tensor that does not fit.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A tensor of another shape.
    #[error("{key} should be {expected:?} but is {found:?}")]
    Shape {
        /// PyTorch's name of it.
        key: String,
        /// The network's.
        expected: Vec<usize>,
        /// The file's.
        found: Vec<usize>,
    },
    /// The network has it, the file does not.
    #[error("{key} is missing{}", hint(nearest))]
    Missing {
        /// PyTorch's name of it.
        key: String,
        /// The unexpected name that is most like it.
        nearest: Option<String>,
    },
    /// The file has it, the network does not.
    #[error("{key} is unexpected{}", hint(nearest))]
    Unexpected {
        /// Its name.
        key: String,
        /// The missing name that is most like it.
        nearest: Option<String>,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |n| format!(" (nearest: {n})"))
}

/// All tensors that do not fit; shown with the first few spelt out.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Other shapes first, then what is missing, then what is unexpected.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        let words: Vec<String> = self.problems.iter().take(SHOWN).map(Problem::to_string).collect();
        write!(f, "{}", words.join("; "))?;
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Mismatch {}

/// Something with a tensor's shape: the tensor, or what is known of it before its values are read.
pub(super) trait Shaped {
    fn shape(&self) -> &[usize];
}

impl Shaped for NamedTensor {
    fn shape(&self) -> &[usize] {
        &self.shape
    }
}

impl Shaped for Vec<usize> {
    fn shape(&self) -> &[usize] {
        self
    }
}

/// Compares tensors with what the graph needs, shapes first: one wrong shape says most about what went wrong.
///
/// # Errors
/// Every shape that differs, every missing and every unexpected key, the latter two with the nearest key on the other side.
pub fn check(graph: &Graph, weights: &Weights) -> Result<(), Mismatch> {
    check_shapes(graph, weights)
}

/// The same for anything that has shapes.
pub(super) fn check_shapes<T: Shaped>(graph: &Graph, weights: &BTreeMap<String, T>) -> Result<(), Mismatch> {
    let specs = graph.parameters();
    let needed: BTreeSet<&str> = specs.iter().map(|s| s.key.as_str()).collect();
    let unexpected: Vec<&str> = weights.keys().map(String::as_str).filter(|k| !needed.contains(k)).collect();
    let missing: Vec<&str> = specs.iter().map(|s| s.key.as_str()).filter(|k| !weights.contains_key(*k)).collect();
    let closest = |key: &str, others: &[&str]| nearest(key, others.iter().copied(), 1).first().map(|n| (*n).to_owned());

    let shapes = specs.iter().filter_map(|spec| {
        let found = weights.get(&spec.key)?;
        (found.shape() != spec.shape).then(|| Problem::Shape {
            key: spec.key.clone(),
            expected: spec.shape.clone(),
            found: found.shape().to_vec(),
        })
    });
    let missed = missing.iter().map(|k| Problem::Missing { key: (*k).to_owned(), nearest: closest(k, &unexpected) });
    let extra = unexpected.iter().map(|k| Problem::Unexpected { key: (*k).to_owned(), nearest: closest(k, &missing) });
    let problems: Vec<Problem> = shapes.chain(missed).chain(extra).collect();
    if problems.is_empty() { Ok(()) } else { Err(Mismatch { problems }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        init::initialise,
        zoo::{self, ZooOptions},
    };

    #[test]
    fn shapes_missing_and_unexpected_keys_are_named() {
        let graph = zoo::build("mlp-3", &ZooOptions::new(10, 1, 8, 8)).unwrap();
        let mut weights = initialise(&graph, 0);
        assert_eq!(check(&graph, &weights), Ok(()));
        let renamed = weights.remove("fc2.bias").unwrap();
        weights.insert("fc2.biass".into(), renamed);
        weights.get_mut("fc.weight").unwrap().shape = vec![7, 128];
        let words = check(&graph, &weights).unwrap_err().to_string();
        assert_eq!(
            words,
            "fc.weight should be [10, 128] but is [7, 128]; fc2.bias is missing (nearest: fc2.biass); \
             fc2.biass is unexpected (nearest: fc2.bias)"
        );
    }
}
