//! The networks by name: each is a function that returns a graph, plus one entry in [`MODELS`].
//!
//! Families live in one file each. To add a network, write such a function and give it an entry there; every engine and file format has it.
//! Stages are called `stem`, `layer1`, `layer2`, … in every convolutional family, so that a criterion can name one for a pair of
//! different families; they are the maps that the distillation literature takes as hints.

mod blocks;
mod cifar_resnet;
mod convnext;
mod densenet;
mod digits;
mod efficientnet;
mod mlp;
mod mnasnet;
mod mobile;
mod mobilenet;
mod mobilenet_torch;
mod models;
mod options;
mod regnet;
mod resnet;
mod shufflenet;
mod shufflenet_torch;
mod squeezenet;
mod vgg;
mod vit;
mod wrn;

use thiserror::Error;

pub(crate) use efficientnet::number;
pub use models::{MODELS, ModelEntry};
pub use options::{Stem, ZooOptions};
pub(crate) use vit::timm_name;

use crate::graph::{Graph, GraphError, LIFT};

/// Why there is no such network.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ZooError {
    /// No network of this name.
    #[error("no model is called {name:?}; nearest: {}", nearest.join(", "))]
    Unknown {
        /// As it was given.
        name: String,
        /// Names most like it.
        nearest: Vec<&'static str>,
    },
    /// Images too small for it.
    #[error("{name} cannot be built for {channels}×{height}×{width} images: {source}")]
    Unsuitable {
        /// The network.
        name: &'static str,
        /// Of the images.
        channels: usize,
        /// Of the images.
        height: usize,
        /// Of the images.
        width: usize,
        /// The first layer that does not fit.
        source: GraphError,
    },
}

/// The entry of this name.
///
/// # Errors
/// [`ZooError::Unknown`], with the three nearest names.
pub fn find(name: &str) -> Result<&'static ModelEntry, ZooError> {
    MODELS.iter().find(|m| m.name == name).ok_or_else(|| ZooError::Unknown {
        name: name.to_owned(),
        nearest: nearest(name, MODELS.iter().map(|m| m.name), 3),
    })
}

/// No features are wider.
const WIDEST_LIFT: usize = 65_536;

/// `NAME+liftD` as (NAME, D).
fn lift(name: &str) -> Option<(&str, usize)> {
    let (base, width) = name.rsplit_once(&format!("+{LIFT}"))?;
    Some((base, width.parse().ok().filter(|width| (1..=WIDEST_LIFT).contains(width))?))
}

/// The network of this name for these images; `NAME+liftD` is NAME with a linear layer to D features before its classifier
/// ([`Graph::lifted`]).
///
/// # Errors
/// An unknown name; images that the network cannot take.
pub fn build(name: &str, options: &ZooOptions) -> Result<Graph, ZooError> {
    if let Some((base, width)) = lift(name) {
        let unknown = || ZooError::Unknown { name: name.to_owned(), nearest: vec![] };
        return build(base, options)?.lifted(width).ok_or_else(unknown);
    }
    let entry = find(name)?;
    (entry.build)(options).map_err(|source| ZooError::Unsuitable {
        name: entry.name,
        channels: options.channels,
        height: options.height,
        width: options.width,
        source,
    })
}

/// The candidates closest to a misspelt name, best first, whatever their case.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let mut ranked: Vec<_> = candidates.map(|c| (strsim::jaro_winkler(&name, &c.to_lowercase()), c)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(count).map(|(_, c)| c).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_answered_with_the_nearest() {
        let error = build("mpl-5", &ZooOptions::new(10, 1, 28, 28)).unwrap_err();
        assert!(error.to_string().contains("nearest: mlp-5"), "{error}");
    }

    #[test]
    fn names_are_unique_and_graphs_carry_them() {
        for (i, entry) in MODELS.iter().enumerate() {
            assert!(MODELS[..i].iter().all(|m| m.name != entry.name), "{}", entry.name);
            let graph = build(entry.name, &ZooOptions::new(7, 3, 32, 32)).unwrap();
            assert_eq!((graph.name.as_str(), graph.classes()), (entry.name, 7));
        }
    }

    #[test]
    fn a_lift_is_a_linear_layer_before_the_classifier() {
        let options = ZooOptions::new(7, 3, 32, 32);
        for entry in MODELS {
            let plain = build(entry.name, &options).unwrap();
            let name = format!("{}+lift100", entry.name);
            if entry.name == "squeezenet1_1" {
                // Its classifier is a convolution.
                assert!(matches!(build(&name, &options), Err(ZooError::Unknown { .. })));
                continue;
            }
            let lifted = build(&name, &options).unwrap();
            let d = plain.feature_width();
            assert_eq!((lifted.name.as_str(), lifted.feature_width(), lifted.classes()), (name.as_str(), 100, 7));
            assert_eq!(lifted.node(lifted.logits()).inputs, [lifted.features()]);
            assert_eq!(lifted.node(lifted.features()).inputs, [plain.features()]);
            let classifiers = |width: usize| 7 * width + 7;
            let expected = plain.parameter_count() - classifiers(d) + classifiers(100) + 100 * d + 100;
            assert_eq!(lifted.parameter_count(), expected, "{name}");
            assert_eq!(lifted.stages(), plain.stages(), "no stage lies behind the features");
        }
        for name in ["resnet18+lift0", "resnet18+lift", "resnet18+lift8+lift9", "none+lift8"] {
            assert!(matches!(build(name, &options), Err(ZooError::Unknown { .. })), "{name}");
        }
    }

    #[test]
    fn images_that_are_too_small_are_an_error() {
        let error = build("digits-cnn-teacher", &ZooOptions::new(10, 1, 1, 1)).unwrap_err();
        assert!(error.to_string().contains("pool"), "{error}");
    }

    #[test]
    fn digits_and_mlp_pairs_have_equal_feature_widths() {
        let digits = ZooOptions::new(10, 1, 8, 8);
        let mnist = ZooOptions::new(10, 1, 28, 28);
        for (teacher, student, options, width, counts) in [
            // Counted by hand: Σ out·in·k² + 2·out per batch norm, and the classifier.
            ("digits-cnn-teacher", "digits-cnn-student", &digits, 64, [65_834, 1_369]),
            ("mlp-5", "mlp-3", &mnist, 128, [600_458, 567_434]),
        ] {
            let (t, s) = (build(teacher, options).unwrap(), build(student, options).unwrap());
            assert_eq!((t.feature_width(), s.feature_width()), (width, width));
            assert_eq!([t.parameter_count(), s.parameter_count()], counts);
        }
    }
}
