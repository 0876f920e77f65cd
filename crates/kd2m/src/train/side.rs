//! What stands on the teacher's side of a run: a network, or outputs that some network gave elsewhere.

use std::sync::Arc;

use kd2m_nn::{Graph, Weights};

use crate::{
    Error,
    criterion::NetworkShapes,
    teacher::{Head, StoredOutputs},
};

/// The teacher of a run.
pub enum TeacherSide {
    Network(Graph),
    Outputs(Arc<StoredOutputs>),
}

impl TeacherSide {
    /// The network, for what has to run it.
    ///
    /// # Errors
    /// [`Error::NoTeacherNetwork`] where only outputs are there.
    pub fn graph(&self) -> Result<&Graph, Error> {
        match self {
            Self::Network(graph) => Ok(graph),
            Self::Outputs(_) => Err(Error::NoTeacherNetwork),
        }
    }

    /// Length of its features.
    pub fn feature_width(&self) -> usize {
        match self {
            Self::Network(graph) => graph.feature_width(),
            Self::Outputs(stored) => stored.width,
        }
    }

    /// Sizes that criteria are made for.
    pub fn shapes(&self) -> NetworkShapes {
        match self {
            Self::Network(graph) => NetworkShapes::of(graph),
            Self::Outputs(stored) => NetworkShapes { features: stored.width, maps: Vec::new() },
        }
    }

    /// Whether only its features are known.
    pub fn lacks_logits(&self) -> bool {
        matches!(self, Self::Outputs(stored) if stored.logits.is_none())
    }

    /// Its classifier, where it has a linear one; `weights` are the network's.
    pub fn head(&self, weights: &Weights) -> Option<Head> {
        match self {
            Self::Network(graph) => Head::of(graph, weights),
            Self::Outputs(stored) => stored.head.clone(),
        }
    }
}
