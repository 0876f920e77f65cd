//! Why a criterion cannot be had or evaluated; each message says what, where and what to do.

use std::fmt;

use kd2m_ot::{OtError, Side, error::nearest_names};
use thiserror::Error;

use crate::{batch::CopyError, shapes::NetworkShapes};

/// Why a criterion cannot be checked, made or evaluated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CriterionError {
    /// No criterion has this name.
    #[error("unknown criterion `{name}`; {}", suggestion(nearest))]
    Unknown {
        /// As it was written.
        name: String,
        /// The names nearest to it.
        nearest: Vec<String>,
    },
    /// A divergence that no student can be trained by.
    #[error("{name} has no gradient: it is a metric of `kd2m distance`, not a criterion")]
    NoGradient {
        /// The divergence.
        name: &'static str,
    },
    /// A stage that a network lacks.
    #[error("criterion {criterion}: {unknown}")]
    UnknownOutput {
        /// Which criterion names it.
        criterion: String,
        /// The stage, and what there is.
        unknown: Box<UnknownOutput>,
    },
    /// Networks between which a criterion is not defined.
    #[error("criterion {criterion}{why}")]
    Sizes {
        /// Which criterion.
        criterion: String,
        /// Both sizes and what to do; begins with `:` or a space.
        why: String,
    },
    /// A batch on which a criterion is not defined.
    #[error("criterion {criterion}: {why}")]
    Batch {
        /// Which criterion.
        criterion: String,
        /// What the batch lacks.
        why: String,
    },
    /// A class beyond those that a memory was made for.
    #[error("sample of class {class} in a memory of {known} classes")]
    UnknownClass {
        /// The class of the sample.
        class: u32,
        /// How many classes there are.
        known: usize,
    },
    /// A memory of a checkpoint that is not this criterion's.
    #[error("saved memory of {criterion}: {why}")]
    SavedMemory {
        /// Which criterion.
        criterion: String,
        /// The tensor and what is wrong with it.
        why: String,
    },
    /// A criterion that has no use for a key of its loss.
    #[error("criterion {criterion} {why}")]
    Unused {
        /// Which criterion.
        criterion: String,
        /// Which key, and its value.
        why: String,
    },
    /// A criterion of another crate that could not go on.
    #[error("criterion {criterion}: {source}")]
    Own {
        /// Which criterion.
        criterion: String,
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An option that no value can be read from, or clouds that no distance is defined between.
    #[error(transparent)]
    Distance(#[from] OtError),
    /// A tensor whose values did not reach the host.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => "`kd2m list criteria` shows all".to_owned(),
        near => format!("did you mean {}?", near.join(" or ")),
    }
}

impl CriterionError {
    /// A value of the student with which no distance can be computed: training has left the numbers.
    pub fn unusable_student_value(&self) -> Option<f64> {
        match self {
            Self::Distance(error) => error.unusable_value(Side::A),
            _ => None,
        }
    }
}

/// A name that is no output of a network: what it could have been, and what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownOutput {
    name: String,
    /// `student` or `teacher`.
    who: &'static str,
    near: Vec<String>,
    /// What every network gives, where one of these could stand in place of a stage.
    always: &'static [&'static str],
    /// What the network has, with sizes where the images are known.
    stages: Vec<(String, Option<[usize; 3]>)>,
}

impl UnknownOutput {
    /// Of `network`, which has no stage of this name; `always` lists what else could have been meant.
    pub fn new(name: &str, who: &'static str, network: &NetworkShapes, always: &'static [&'static str]) -> Self {
        let known = always.iter().copied().chain(network.maps.iter().map(|(stage, _)| stage.as_str()));
        Self {
            name: name.to_owned(),
            who,
            near: nearest_names(name, known),
            always,
            // Second looks at tokens would be two thirds of the line.
            stages: network.seen_once().map(|(stage, shape)| (stage.clone(), Some(*shape))).collect(),
        }
    }

    /// Of a network that was built for other images than the run's: only the names of its stages count.
    pub fn without_sizes(mut self) -> Self {
        self.stages.iter_mut().for_each(|(_, shape)| *shape = None);
        self
    }
}

impl fmt::Display for UnknownOutput {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { name, who, near, always, stages } = self;
        write!(f, "the {who} has no stage `{name}`")?;
        if !near.is_empty() {
            write!(f, "; did you mean {}?", near.join(" or "))?;
        }
        let stage = |(name, shape): &(String, Option<[usize; 3]>)| match shape {
            Some([c, h, w]) => format!("{name} {c}×{h}×{w}"),
            None => name.clone(),
        };
        let stages = match stages.as_slice() {
            [] => "no stages with a map".to_owned(),
            all => all.iter().map(stage).collect::<Vec<_>>().join(", "),
        };
        match always {
            [] => write!(f, " It has {stages}"),
            _ => write!(f, " It has {} and {stages}", always.join(", ")),
        }
    }
}
