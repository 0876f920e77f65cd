//! Networks that only answer: graphs as they are, ONNX models that no graph is, and several of them as one teacher.

use std::sync::Arc;

use kd2m_nn::{Graph, Weights};

#[cfg(feature = "runtime")]
use crate::engine::runtime::{Runtime, RuntimeEngine};
use crate::{
    Error,
    criterion::NetworkShapes,
    device::DeviceChoice,
    engine::{self, Engine},
    preprocess::Normalisation,
    teacher::{Layout, several},
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

/// A teacher that only answers: one network, or several.
pub struct Frozen {
    members: Vec<Member>,
    /// Length of its features: of the mean, or of all together where there is none.
    pub width: usize,
    /// Number of its logits.
    pub classes: usize,
    together: Together,
}

/// What several networks say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// Features side by side, where widths differ; their mean where they do not.
    pub beside: bool,
    /// Whose logits are averaged: all, or those that tell the data's classes apart.
    pub voters: Vec<usize>,
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

    /// Features and classes.
    pub fn sizes(&self) -> [usize; 2] {
        [self.feature_width(), self.classes()]
    }
}

impl Frozen {
    /// Of these networks, at least one. `mean`: what compares students with the mean of them, which needs equal widths; `classes` are
    /// the data's.
    ///
    /// # Errors
    /// A mean of networks of other widths or classes than the first.
    pub fn new(members: Vec<Member>, mean: Option<&str>, classes: usize) -> Result<Self, Error> {
        let sizes: Vec<[usize; 2]> = members.iter().map(|member| member.network.sizes()).collect();
        let [width, first] = sizes.first().copied().unwrap_or_default();
        let other = sizes.iter().position(|own| *own != [width, first]);
        if let (Some(place), Some(reader)) = (other, mean) {
            let [own_width, own_classes] = sizes[place];
            return Err(Error::Config(format!(
                "teacher {} has {own_width} features and {own_classes} classes, {} has {width} and {first}: only networks of equal \
                 widths have a mean, which {reader} learns from; `teacher` of a loss names one of them",
                members[place].name, members[0].name
            )));
        }
        let beside = sizes.iter().any(|[own, _]| *own != width);
        let width = if beside { sizes.iter().map(|[own, _]| own).sum() } else { width };
        let of_data: Vec<usize> = (0..members.len()).filter(|place| sizes[*place][1] == classes).collect();
        let (voters, classes) = match (other, of_data.is_empty()) {
            (None, _) => ((0..members.len()).collect(), first),
            (Some(_), false) => (of_data, classes),
            // Nobody's are of use.
            (Some(_), true) => (vec![0], first),
        };
        Ok(Self { members, width, classes, together: Together { beside, voters } })
    }

    /// How their answers become one.
    pub fn together(&self) -> &Together {
        &self.together
    }

    /// Sizes of what criteria read: of the whole, and of each where there are several.
    pub fn shapes(&self) -> NetworkShapes {
        let several = self.members.len() > 1;
        let each = self.members.iter().filter(|_| several).map(|member| member.network.sizes());
        NetworkShapes { features: self.width, maps: several::shapes(each) }
    }

    /// Its networks.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How many parameters they have together.
    pub fn parameters(&self) -> usize {
        self.members.iter().map(|member| member.network.parameters()).sum()
    }

    /// What is remembered of a sample, with these maps, which are outputs of single members.
    pub fn layout(&self, maps: &[String]) -> Layout {
        let all = self.shapes();
        let maps = maps.iter().filter_map(|name| Some((Arc::from(name.as_str()), all.map(name)?))).collect();
        Layout { features: self.width, logits: self.classes, maps }
    }

    /// All that decides its answers, for the key of a cache.
    pub fn identity(&self) -> String {
        let of = |member: &Member| format!("{} {:?} {:?}", member.sum, member.eyes, member.network.sizes());
        self.members.iter().map(of).collect::<Vec<_>>().join("\n")
    }
}
