//! The configuration of a run: a TOML file, dotted overrides, defaults written out. The keys are documented in `docs/reference.md`.
//! [`Config`] is what the file says; it is checked once, in [`Config::resolve`], and saved in the run folder.

mod anchor;
mod check;
mod loss;
mod network;
mod overrides;

use std::path::PathBuf;

pub use network::{Head, StudentConfig, TeacherCache, TeacherConfig};
pub use overrides::Source;
pub(crate) use overrides::explained;
use serde::{Deserialize, Serialize};

use crate::criterion::{CriterionConfig, registry};

/// A run: one data set, one teacher, one student network, arms × seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the run folder under `runs/`.
    pub name: String,
    pub data: DataConfig,
    pub teacher: TeacherConfig,
    pub student: StudentConfig,
    #[serde(default)]
    pub train: TrainConfig,
    #[serde(default)]
    pub optim: OptimConfig,
    /// What is compared; the arm `none` (λ = 0) is added when it is not among them.
    #[serde(default, rename = "arm", skip_serializing_if = "Vec::is_empty")]
    pub arms: Vec<ArmConfig>,
}

/// Which images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    pub dataset: String,
    /// Folder that holds the data set; not needed for `digits`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Training images for students after the split, drawn by class; 0: all.
    #[serde(default)]
    pub train_limit: usize,
    /// Share of the training part that becomes validation; the data set's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_fraction: Option<f64>,
    #[serde(default)]
    pub split_seed: u64,
    /// `default` (the data set's own), `none`, `crop:4`, `crop-flip:4` or `affine:10,0.1,0.1` (degrees, shift, zoom).
    #[serde(default = "default_augment")]
    pub augment: String,
}

fn default_augment() -> String {
    "default".to_owned()
}

/// Precision of the products in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    #[default]
    F32,
    /// Products of bf16 with f32 sums, where the processor has them.
    Bf16,
}

/// The loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    pub epochs: usize,
    pub batch_size: usize,
    pub seeds: Vec<u64>,
    /// Weight of the cross entropy; 0: labels are not used.
    pub ce_weight: f64,
    pub precision: Precision,
    /// Batches whose gradients are averaged before a step.
    pub accumulate: usize,
    /// Decay of an exponential moving average of the weights; 0: none.
    pub ema: f64,
    /// Every so many epochs the terms of `docs/theory.md` are computed on the validation split; 0: never.
    #[serde(skip_serializing_if = "is_zero")]
    pub track_bounds: usize,
}

fn is_zero(x: &usize) -> bool {
    *x == 0
}

fn vanishes(x: &f64) -> bool {
    *x == 0.0
}

impl Default for TrainConfig {
    /// The paper's protocol: 15 epochs of batches of 128.
    fn default() -> Self {
        Self {
            epochs: 15,
            batch_size: 128,
            seeds: vec![1, 2, 3],
            ce_weight: 1.0,
            precision: Precision::F32,
            accumulate: 1,
            ema: 0.0,
            track_bounds: 0,
        }
    }
}

/// Which optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    #[default]
    Sgd,
    AdamW,
}

/// How the learning rate falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    #[default]
    Cosine,
    MultiStep,
    Constant,
}

/// The optimizer and its schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimConfig {
    pub algorithm: Algorithm,
    pub lr: f64,
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
    pub schedule: ScheduleKind,
    /// Epochs after which `multistep` divides the rate by ten.
    pub milestones: Vec<usize>,
    /// Where `cosine` ends.
    pub min_lr: f64,
    /// Epochs of linear rise from zero.
    pub warmup_epochs: f64,
    /// Bound on the global norm of all gradients, learned parts included; 0: none.
    pub clip_norm: f64,
    pub label_smoothing: f64,
}

impl Default for OptimConfig {
    /// The paper's protocol: SGD 0.01, momentum 0.9, cosine to 1e-4, no weight decay.
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Sgd,
            lr: 0.01,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
            schedule: ScheduleKind::Cosine,
            milestones: Vec::new(),
            min_lr: 1e-4,
            warmup_epochs: 0.0,
            clip_norm: 0.0,
            label_smoothing: 0.0,
        }
    }
}

/// One way of training the student; its losses are summed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmConfig {
    pub name: String,
    /// In place of `train.ce_weight`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ce_weight: Option<f64>,
    /// In place of `optim.schedule`: shows what a schedule of its own does to a baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleKind>,
    /// μ of ½ μ Λ², which holds the student's classifier to a gentle slope; 0: none.
    #[serde(default, skip_serializing_if = "vanishes")]
    pub head_lipschitz: f64,
    #[serde(default, rename = "loss", skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<LossConfig>,
}

/// One weighted criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "loss::Keys", into = "loss::Keys")]
pub struct LossConfig {
    pub criterion: CriterionConfig,
    /// λ; the criterion's own default when left out.
    pub weight: Option<f64>,
    /// λ · L / (sg(L) + 1e-8): a weight that does not depend on the scale of the features.
    pub scale_free: bool,
    /// Epochs over which the weight rises linearly.
    pub warmup_epochs: f64,
}

impl ArmConfig {
    /// The arm λ = 0.
    pub fn none() -> Self {
        Self { name: "none".to_owned(), ce_weight: None, schedule: None, head_lipschitz: 0.0, losses: Vec::new() }
    }

    /// An arm with one criterion on the features.
    pub fn single(criterion: &str, weight: Option<f64>) -> Self {
        let criterion = CriterionConfig::new(criterion);
        let loss = LossConfig { criterion, weight, scale_free: false, warmup_epochs: 0.0 };
        Self { name: loss.criterion.name().to_owned(), losses: vec![loss], ..Self::none() }
    }

    /// λ = 0 with everything else as in the other arms: what they are compared with.
    pub fn is_none(&self) -> bool {
        let Self { name: _, ce_weight, schedule, head_lipschitz, losses } = self;
        losses.is_empty() && ce_weight.is_none() && schedule.is_none() && *head_lipschitz == 0.0
    }

    /// The configuration as this arm trains by it.
    pub fn configured(&self, config: &Config) -> Config {
        let mut own = config.clone();
        own.optim.schedule = self.schedule.unwrap_or(own.optim.schedule);
        own
    }

    /// `none`, or the criteria and `head-lipschitz` joined by `+`.
    pub fn criterion(&self) -> String {
        let penalty = (self.head_lipschitz > 0.0).then_some("head-lipschitz");
        let all: Vec<&str> = self.losses.iter().map(|l| l.criterion.name()).chain(penalty).collect();
        if all.is_empty() { "none".to_owned() } else { all.join("+") }
    }
}

impl LossConfig {
    /// λ, the criterion's default written out.
    pub fn resolved_weight(&self) -> f64 {
        self.weight.unwrap_or_else(|| registry::default_weight(self.criterion.name()))
    }
}

impl Config {
    /// The configuration as TOML text.
    ///
    /// # Errors
    /// None in practice: every field can be written.
    pub fn to_toml(&self) -> Result<String, crate::Error> {
        Ok(toml::to_string(self)?)
    }
}
