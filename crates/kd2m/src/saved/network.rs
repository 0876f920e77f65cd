//! A network as it was saved, whatever it was read from.

use std::path::Path;

use kd2m_data::Dataset;

use super::description::Description;
use crate::{
    Error,
    config::{ArmConfig, Config},
    frozen::Network,
    train::{
        folder::RunFolder,
        inputs,
        summary::{StudentSummary, TeacherSummary},
    },
};

/// A network as it was saved.
pub struct Saved {
    /// All that it takes to build it again.
    pub description: Description,
    /// What runs.
    pub network: Network,
    /// What it is, e.g. `student w2, seed 1`.
    pub whose: String,
    /// Where its normalisation comes from.
    pub eyes_from: String,
    /// The run that it is of.
    pub origin: Option<Origin>,
}

/// What is known of the run of a saved network.
pub struct Origin {
    /// Where it lies.
    pub folder: RunFolder,
    /// As it was resolved.
    pub config: Config,
    /// What the run found of its teacher, if it came so far.
    pub teacher: Option<TeacherSummary>,
    /// Of a student: its arm, its seed's summary, and whether its weights are those of the epoch that was best on validation.
    pub student: Option<(ArmConfig, Option<StudentSummary>, bool)>,
}

impl Origin {
    /// The data of the run, below `root` where one is given.
    ///
    /// # Errors
    /// Data that are not there or broken.
    pub fn data(&self, root: Option<&Path>) -> Result<Dataset, Error> {
        let mut config = self.config.clone();
        config.data.root = root.map(Path::to_owned).or(config.data.root);
        inputs::load_data(&self.folder, &config)
    }
}
