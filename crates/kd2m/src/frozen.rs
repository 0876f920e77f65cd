//! Networks that only answer: graphs as they are, ONNX models that no graph is, and several of them as one teacher, whose answers are averaged.

#[cfg(feature = "runtime")]
use std::sync::Arc;

use kd2m_nn::{Graph, Weights};

#[cfg(feature = "runtime")]
use crate::engine::runtime::{Runtime, RuntimeEngine};
use crate::{
    Error,
    device::DeviceChoice,
    engine::{self, Engine},
    preprocess::Normalisation,
    teacher::Layout,
};

/// One network of it.
pub struct Member {
    /// As results call it.
    pub name: String,
    /// How pixels become its input.
    pub eyes: Normalisation,
    /// The SHA-256 of its files.
    pub sum: String,
    /// What a person should know of how it was read, a sentence each.
    pub notes: Vec<String>,
    /// What runs.
    pub network: Network,
}

/// What runs.
pub enum Network {
    /// A graph of ours.
    Graph(Graph, Weights),
    /// Another program's model, with mean and deviation by which pixels reach it.
    #[cfg(feature = "runtime")]
    Runtime(Arc<Runtime>, [Vec<f32>; 2]),
}

/// A teacher that only answers: one network, or several of equal widths.
pub struct Frozen {
    members: Vec<Member>,
    /// Length of its features.
    pub width: usize,
    /// Number of its logits.
    pub classes: usize,
}

impl Network {
    /// The graph and its parameters.
    ///
    /// # Errors
    /// [`Error::OnlyAnswers`] where it is none.
    pub fn graph(&self) -> Result<(&Graph, &Weights), Error> {
        match self {
            Self::Graph(graph, weights) => Ok((graph, weights)),
            #[cfg(feature = "runtime")]
            Self::Runtime(..) => Err(Error::OnlyAnswers),
        }
    }

    /// Length of its features.
    pub fn feature_width(&self) -> usize {
        match self {
            Self::Graph(graph, _) => graph.feature_width(),
            #[cfg(feature = "runtime")]
            Self::Runtime(runtime, _) => runtime.width,
        }
    }

    /// Number of its logits.
    pub fn classes(&self) -> usize {
        match self {
            Self::Graph(graph, _) => graph.classes(),
            #[cfg(feature = "runtime")]
            Self::Runtime(runtime, _) => runtime.classes,
        }
    }

    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        match self {
            Self::Graph(graph, _) => graph.parameter_count(),
            #[cfg(feature = "runtime")]
            Self::Runtime(runtime, _) => runtime.parameters(),
        }
    }

    /// What runs it as it is.
    ///
    /// # Errors
    /// A device that is not there.
    pub fn engine(&self, device: DeviceChoice, threads: usize) -> Result<Box<dyn Engine>, Error> {
        match self {
            Self::Graph(graph, weights) => engine::choose::engine(device, threads, graph, weights, &[], false),
            #[cfg(feature = "runtime")]
            Self::Runtime(runtime, normalisation) => {
                let (runtime, normalisation) = (runtime.clone(), normalisation.clone());
                Ok(Box::new(RuntimeEngine::new(runtime, normalisation, device.burn()?, threads)))
            }
        }
    }

    fn sizes(&self) -> [usize; 2] {
        [self.feature_width(), self.classes()]
    }
}

impl Frozen {
    /// Of these networks, at least one.
    ///
    /// # Errors
    /// Networks of other widths or classes than the first.
    pub fn new(members: Vec<Member>) -> Result<Self, Error> {
        let [width, classes] = members.first().map(|member| member.network.sizes()).unwrap_or_default();
        for member in &members {
            let [own_width, own_classes] = member.network.sizes();
            if [own_width, own_classes] != [width, classes] {
                return Err(Error::Config(format!(
                    "teacher {} has {own_width} features and {own_classes} classes, {} has {width} and {classes}: only networks of equal \
                     widths have a mean",
                    member.name, members[0].name
                )));
            }
        }
        Ok(Self { members, width, classes })
    }

    /// Its networks.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How many parameters they have together.
    pub fn parameters(&self) -> usize {
        self.members.iter().map(|member| member.network.parameters()).sum()
    }

    /// What is remembered of a sample.
    pub fn layout(&self) -> Layout {
        Layout { features: self.width, logits: self.classes, maps: Vec::new() }
    }

    /// All that decides its answers, for the key of a cache.
    pub fn identity(&self) -> String {
        let of = |member: &Member| format!("{} {:?} {:?}", member.sum, member.eyes, member.network.sizes());
        self.members.iter().map(of).collect::<Vec<_>>().join("\n")
    }
}
