//! Whether a set of tensors is the one that a graph needs, and if not, what differs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use thiserror::Error;

use super::{
    Weights,
    slot::{Slot, is_no_weight},
};
use crate::{graph::Graph, parameter::ParameterSpec, zoo::nearest};

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
    /// Something under its name that is no tensor of floating-point numbers.
    #[error("{key} {what}")]
    Other {
        /// PyTorch's name of it.
        key: String,
        /// What it is, as the rest of a sentence.
        what: String,
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

/// How many problems are spelt out.
const SHOWN: usize = 10;

/// How long a name may be, and how many there may be, for one that is like another to be looked for: the work grows with both.
const LONGEST: usize = 200;
const COMPARED: usize = 2000;

/// All tensors that do not fit; shown with the first ten spelt out.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Other shapes and kinds first, then what is missing, then what is unexpected.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.problems.iter().take(SHOWN).map(Problem::to_string).collect();
        write!(f, "{}", words.join("; "))?;
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Mismatch {}

/// Compares tensors with what the graph needs, shapes first: one wrong shape says most about what went wrong.
///
/// # Errors
/// Every shape that differs, every missing and every unexpected key, the latter two with the nearest key on the other side.
pub fn check(graph: &Graph, weights: &Weights) -> Result<(), Mismatch> {
    let slots = weights.iter().map(|(key, tensor)| (key.clone(), Slot::Tensor(tensor.shape.clone())));
    let problems = differences(&graph.parameters(), &slots.collect());
    if problems.is_empty() { Ok(()) } else { Err(Mismatch { problems }) }
}

/// The same of what a file has under our names.
pub(super) fn differences(specs: &[ParameterSpec], found: &BTreeMap<String, Slot>) -> Vec<Problem> {
    let needed: BTreeSet<&str> = specs.iter().map(|s| s.key.as_str()).collect();
    let extra = found.iter().filter(|(key, slot)| !needed.contains(key.as_str()) && !is_no_weight(key, slot));
    let unexpected: Vec<&str> = extra.map(|(key, _)| key.as_str()).collect();
    let missing: Vec<&str> = specs.iter().map(|s| s.key.as_str()).filter(|k| !found.contains_key(*k)).collect();
    let closest = |i: usize, key: &str, others: &[&str]| {
        // A file may hold any number of names of any length, and only a few are shown.
        let alike = others.iter().copied().filter(|other| other.len() <= LONGEST).take(COMPARED);
        let near = if i < SHOWN && key.len() <= LONGEST { nearest(key, alike, 1) } else { Vec::new() };
        near.first().map(|name| (*name).to_owned())
    };

    let others = specs.iter().filter_map(|spec| {
        let key = spec.key.clone();
        match found.get(&key)? {
            Slot::Tensor(shape) if *shape == spec.shape => None,
            Slot::Tensor(shape) => Some(Problem::Shape { key, expected: spec.shape.clone(), found: shape.clone() }),
            Slot::Other(what) => Some(Problem::Other { key, what: what.clone() }),
        }
    });
    let missed = missing
        .iter()
        .enumerate()
        .map(|(i, key)| Problem::Missing { key: (*key).to_owned(), nearest: closest(i, key, &unexpected) });
    let extra = unexpected
        .iter()
        .enumerate()
        .map(|(i, key)| Problem::Unexpected { key: (*key).to_owned(), nearest: closest(i, key, &missing) });
    others.chain(missed).chain(extra).collect()
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
