//! What a run is made of, beside its configuration, and what its networks are trained from. The defaults of [`RunOptions`], with the
//! list of observers, stand in [`crate::observers`].

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kd2m_nn::Weights;

use super::{
    folder::{Existing, RunFolder},
    halt::Halt,
    observer::Observer,
    setup::Setup,
};
use crate::{Config, Error, config::ArmConfig, device::DeviceChoice, ranks::Ranks};

/// The arms to run, `none` first.
pub fn arms(config: &Config, no_baseline: bool) -> Vec<ArmConfig> {
    let given = config.arms.iter().filter(|a| !(no_baseline && a.is_none()));
    let has_none = config.arms.iter().any(ArmConfig::is_none);
    let baseline = (!has_none && !no_baseline).then(ArmConfig::none);
    baseline.into_iter().chain(given.cloned()).collect()
}

/// What a command line says beside the configuration.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The run folder; none: `runs/NAME`.
    pub out: Option<PathBuf>,
    /// Where networks run.
    pub device: DeviceChoice,
    /// 0: one a core.
    pub threads: usize,
    /// What to do where the folder is there.
    pub existing: Existing,
    /// Goes on with a teacher that is no better than chance.
    pub allow_weak_teacher: bool,
    /// Leave the arm `none` out.
    pub no_baseline: bool,
    /// Compute the teacher's outputs again in every step.
    pub no_teacher_cache: bool,
    /// Where they are remembered when the configuration names no folder; by default in the run folder, until the run ends.
    pub teacher_cache: Option<PathBuf>,
    /// Arms of a seed that are trained at once on the batches and the teacher's outputs of one pass; 0: as many as memory allows where
    /// that saves anything, 1: one after another. The results are the same.
    pub side_by_side: usize,
    /// Event files for TensorBoard beside the metrics.
    pub tensorboard: bool,
    /// Least time between two checkpoints of a network.
    pub checkpoint_interval: Duration,
    /// Ends the run with a checkpoint.
    pub halt: Halt,
    /// Where several processes train together: this one among them.
    pub ranks: Option<Arc<dyn Ranks>>,
    /// Who follows each network, after the observer that the run was given; by default [`crate::observers::OBSERVERS`].
    pub observers: Vec<Observe>,
}

/// A run at work: what its teacher (`teach.rs`) and its students (`student.rs`) are trained from.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// What was asked for.
    pub config: &'a Config,
    /// Data and networks.
    pub setup: &'a Setup,
    /// Where everything goes.
    pub folder: &'a RunFolder,
    /// What the command line said.
    pub options: &'a RunOptions,
}

/// One network that is about to be trained.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// The run that it belongs to.
    pub run: Run<'a>,
    /// Its folder.
    pub place: &'a Path,
    /// Arm and teacher, where it is a student.
    pub student: Option<(&'a ArmConfig, &'a Weights)>,
}

/// Makes an observer of one network; none where it has nothing to do there.
pub type Observe = for<'a> fn(Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error>;

impl<'a> Training<'a> {
    /// `first` and the observers that the options name.
    ///
    /// # Errors
    /// What one of them needs and does not get.
    pub fn observers(self, first: &'a mut dyn Observer) -> Result<Vec<Box<dyn Observer + 'a>>, Error> {
        let mut all: Vec<Box<dyn Observer + 'a>> = vec![Box::new(first)];
        for observe in &self.run.options.observers {
            all.extend(observe(self)?);
        }
        Ok(all)
    }
}
