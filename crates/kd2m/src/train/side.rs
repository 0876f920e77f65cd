//! What stands on the teacher's side of a run: a network, or outputs that some network gave elsewhere.

use std::sync::Arc;

use kd2m_nn::{Graph, Weights};

use crate::{
    Error,
    criterion::NetworkShapes,
    frozen::Frozen,
    teacher::{Head, Layout, StoredOutputs},
};

/// The teacher of a run.
pub enum TeacherSide {
    /// A graph, run or trained here.
    Network(Graph),
    /// What only answers.
    Frozen(Frozen),
    /// Answers of images that it was shown elsewhere.
    Outputs(Arc<StoredOutputs>),
}

impl TeacherSide {
    /// The network, for what has to run it.
    ///
    /// # Errors
    /// [`Error::NoTeacherNetwork`] where only outputs are there, [`Error::OnlyAnswers`] where it is no graph.
    pub fn graph(&self) -> Result<&Graph, Error> {
        match self {
            Self::Network(graph) => Ok(graph),
            Self::Frozen(_) => Err(Error::OnlyAnswers),
            Self::Outputs(_) => Err(Error::NoTeacherNetwork),
        }
    }

    /// Length of its features.
    pub fn feature_width(&self) -> usize {
        match self {
            Self::Network(graph) => graph.feature_width(),
            Self::Frozen(frozen) => frozen.width,
            Self::Outputs(stored) => stored.width,
        }
    }

    /// Sizes that criteria are made for.
    pub fn shapes(&self) -> NetworkShapes {
        match self {
            Self::Network(graph) => NetworkShapes::of(graph),
            Self::Frozen(frozen) => frozen.shapes(),
            Self::Outputs(stored) => NetworkShapes { features: stored.width, maps: Vec::new() },
        }
    }

    /// What is remembered of a sample, with the maps of these stages; nothing of outputs, which are stored already.
    pub fn layout(&self, stages: &[String]) -> Option<Layout> {
        match self {
            Self::Network(graph) => Some(Layout::of(graph, stages)),
            Self::Frozen(frozen) => Some(frozen.layout(stages)),
            Self::Outputs(_) => None,
        }
    }

    /// How many parameters it has, as far as it is known.
    pub fn parameters(&self) -> usize {
        match self {
            Self::Network(graph) => graph.parameter_count(),
            Self::Frozen(frozen) => frozen.parameters(),
            Self::Outputs(_) => 0,
        }
    }

    /// Whether only its features are of use: no logits are stored, or they are of other classes than the data's.
    pub fn lacks_logits(&self, classes: usize) -> bool {
        matches!(self, Self::Outputs(stored) if stored.logits.is_none()) || self.other_classes(classes).is_some()
    }

    /// How many classes the i-th of several tells apart, where these are not the data's.
    pub fn other_classes_of(&self, member: usize, classes: usize) -> Option<usize> {
        let Self::Frozen(frozen) = self else { return self.other_classes(classes) };
        let [_, own] = frozen.members().get(member)?.network.sizes();
        Some(own).filter(|own| *own != classes)
    }

    /// How many classes its network tells apart, where these are not the data's.
    pub fn other_classes(&self, classes: usize) -> Option<usize> {
        let own = match self {
            Self::Network(graph) => graph.classes(),
            Self::Frozen(frozen) => frozen.classes,
            Self::Outputs(_) => return None,
        };
        Some(own).filter(|own| *own != classes)
    }

    /// The network, for what reads its classifier.
    ///
    /// # Errors
    /// [`Error::NoTeacherNetwork`] where only outputs are there, [`Error::TeacherClasses`] where its classes are others.
    pub fn classifying_graph(&self, classes: usize) -> Result<&Graph, Error> {
        match self.other_classes(classes) {
            Some(own) => Err(Error::TeacherClasses { own, data: classes }),
            None => self.graph(),
        }
    }

    /// Its classifier, where it has a linear one; `weights` are the network's.
    pub fn head(&self, weights: &Weights) -> Option<Head> {
        match self {
            Self::Network(graph) => Head::of(graph, weights),
            Self::Frozen(_) => None,
            Self::Outputs(stored) => stored.head.clone(),
        }
    }
}
