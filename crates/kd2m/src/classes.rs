//! Classes by name. A network or a bank of another place may number the same classes otherwise: what it says is then put in the data's order.

use std::collections::HashMap;

use kd2m_nn::{
    Graph, NamedTensor, Weights,
    weights::{Loaded, Source},
};

use crate::saved::Description;

/// How the classes of a network, or of a bank, go together with those of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Agreement {
    /// They are called the same, or one of the two has no names, or others altogether in number.
    #[default]
    Same,
    /// The data's class `c` is its class `order[c]`.
    Order(Vec<usize>),
    /// Some are called otherwise.
    Other {
        /// The first of these.
        class: usize,
        /// What it is called there.
        own: String,
        /// What the data call it.
        data: String,
    },
}

impl Agreement {
    /// Of the names of both; capitals, dashes and underscores make no difference.
    pub fn of(own: &[String], data: &[String]) -> Self {
        let plain = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| name.trim().to_lowercase().replace(['_', '-'], " ")).collect()
        };
        let (there, here) = (plain(own), plain(data));
        let Some(class) = there.iter().zip(&here).position(|(a, b)| a != b).filter(|_| own.len() == data.len()) else {
            return Self::Same;
        };
        let mut places: HashMap<&str, usize> = there.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let unique = places.len() == there.len();
        // Each may be taken once: of twins among the data's names the second is not found.
        match here.iter().map(|name| places.remove(name.as_str())).collect() {
            Some(order) if unique => Self::Order(order),
            _ => Self::Other { class, own: own[class].clone(), data: data[class].clone() },
        }
    }

    /// What a person should know of the network or bank; nothing where all are called the same.
    pub fn said(&self, data: &str) -> Option<String> {
        match self {
            Self::Same => None,
            Self::Order(_) => {
                Some(format!("its classes are those of {data} in another order; they are matched by name"))
            }
            Self::Other { class, own, data: name } => Some(format!(
                "its classes are called otherwise than those of {data} and are matched by number: {class} is \"{own}\" there, \"{name}\" here"
            )),
        }
    }

    /// Whether classes are matched by number although their names differ.
    pub fn is_doubtful(&self) -> bool {
        matches!(self, Self::Other { .. })
    }

    /// Rows that are one a class, in the data's order.
    pub(crate) fn rows<T: Copy>(&self, values: &[T], width: usize) -> Vec<T> {
        match self {
            Self::Order(order) => order.iter().flat_map(|c| &values[c * width..(c + 1) * width]).copied().collect(),
            Self::Same | Self::Other { .. } => values.to_vec(),
        }
    }

    /// The classifier of a network in the data's order.
    pub fn arrange(&self, graph: &Graph, weights: &mut Weights) {
        let Self::Order(order) = self else { return };
        if order.len() != graph.classes() {
            return;
        }
        let name = &graph.node(graph.logits()).name;
        for part in ["weight", "bias"] {
            if let Some(NamedTensor { values, .. }) = weights.get_mut(&format!("{name}.{part}")) {
                *values = self.rows(values, values.len() / order.len().max(1));
            }
        }
    }
}

/// What a file of ours calls the classes of its network; empty where it does not say.
pub fn named_in(source: &Source) -> Vec<String> {
    let description = source.file().ok().and_then(|file| Description::read(&file));
    description.map(|own| own.class_names).unwrap_or_default()
}

/// Weights that start a training, with a classifier that was taken from the file in the data's order.
pub(crate) fn arrange_start(loaded: &mut Loaded, source: &Source, graph: &Graph, data: &[String]) {
    if loaded.kept.is_empty() {
        Agreement::of(&named_in(source), data).arrange(graph, &mut loaded.weights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &str) -> Vec<String> {
        all.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_same_names_in_another_order_are_an_order() {
        let of = |own: &str, data: &str| Agreement::of(&names(own), &names(data));
        assert_eq!(of("cat dog eel", "cat dog eel"), Agreement::Same);
        assert_eq!(of("Cat sea_eel", "cat sea-eel"), Agreement::Same);
        assert_eq!(of("", "cat dog"), Agreement::Same);
        assert_eq!(of("cat", "cat dog"), Agreement::Same);
        assert_eq!(of("dog eel cat", "cat dog eel"), Agreement::Order(vec![2, 0, 1]));
        let other = |class, own: &str, data: &str| Agreement::Other { class, own: own.into(), data: data.into() };
        assert_eq!(of("cat dog eel", "cat dog fox"), other(2, "eel", "fox"));
        // Twins on either side are no order.
        assert_eq!(of("cat cat dog", "dog cat cat"), other(0, "cat", "dog"));
        assert_eq!(of("cat dog eel", "dog dog eel"), other(0, "cat", "dog"));
        assert_eq!(of("0 1", "cat dog"), other(0, "0", "cat"));
    }

    #[test]
    fn rows_go_to_the_class_of_their_name() {
        let order = Agreement::of(&names("dog eel cat"), &names("cat dog eel"));
        assert_eq!(order.rows(&[10, 11, 20, 21, 30, 31], 2), [30, 31, 10, 11, 20, 21]);
        assert_eq!(Agreement::Same.rows(&[1, 2], 1), [1, 2]);
        assert!(order.said("d").unwrap().contains("by name") && !order.is_doubtful());
        assert!(Agreement::Same.said("d").is_none());
    }
}
