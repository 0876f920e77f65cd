//! What a network is trained with, and what comes out.

use kd2m_nn::Weights;

use crate::{
    config::Config,
    engine::Engine,
    objective::Objective,
    teacher::Teacher,
    train::{checkpoint::Checkpoints, observer::Observer, record::EpochRecord},
};

/// One network that is to be trained.
pub struct Learner<'a> {
    pub config: &'a Config,
    /// Arm, or `teacher`.
    pub name: &'a str,
    pub engine: Box<dyn Engine>,
    /// Key of the classifier's weight, through which gradients of the logits are compared with those of the features.
    pub head: Option<String>,
    pub objective: Objective,
    pub checkpoints: Checkpoints,
    /// Who follows it.
    pub observer: Box<dyn Observer + 'a>,
}

/// Who is asked about each batch; nobody where a teacher is trained.
pub type Asked<'t> = Option<&'t mut dyn Teacher>;

/// A trained network.
pub struct Fitted<'a> {
    pub engine: Box<dyn Engine>,
    pub objective: Objective,
    pub observer: Box<dyn Observer + 'a>,
    /// Weights after the last epoch (their moving average when `train.ema` is on).
    pub last: Weights,
    /// Weights after the epoch with the best validation accuracy.
    pub best: Weights,
    pub best_epoch: usize,
    pub history: Vec<EpochRecord>,
}

/// An epoch and a batch of it, both counted from 0: the next that a network is to be shown.
pub type Place = (usize, usize);
