//! The configuration of a run: a TOML file, dotted overrides, defaults written out. What stands beside a field here is what [`keys`] prints of it.
//! [`Config`] is what the file says; it is checked once, in [`Source::resolve`], and saved in the run folder.

mod anchor;
mod cache;
mod check;
mod configured;
mod dotted;
pub mod keys;
mod loss;
mod mixing;
mod network;
mod overrides;
mod source;
mod teachers;
mod weight;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use cache::{DrawnViews, TeacherCache};
use network::vanishes;
pub use network::{FeaturesAs, Head, StudentConfig, TeacherConfig};
pub use overrides::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use teachers::{Teachers, Which};
pub use weight::Weight;
#[cfg(feature = "bench")]
pub(crate) use {dotted::put, overrides::explained};

use kd2m_data::{Augment, Orientation, Reading, Seen};

use crate::{
    Error,
    criterion::{CriterionConfig, config::Value, registry},
    loading,
};

/// A run: one data set, one teacher, one student network, arms × seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The run folder is `runs/NAME`.
    pub name: String,
    /// Which images.
    pub data: DataConfig,
    /// The network that is imitated, or several, `[[teacher]]` each, whose features and logits are averaged where a loss does not name one of them.
    pub teacher: Teachers,
    /// The network that learns.
    pub student: StudentConfig,
    /// How long and in what batches.
    #[serde(default)]
    pub train: TrainConfig,
    /// The optimizer and its schedule.
    #[serde(default)]
    pub optim: OptimConfig,
    /// What is compared, one `[[arm]]` each; `none` (λ = 0) is added when it is not among them.
    #[serde(default, rename = "arm", skip_serializing_if = "Vec::is_empty")]
    pub arms: Vec<ArmConfig>,
}

/// Which images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A name of `kd2m list datasets`, as `digits`, `cifar10` or `folder:PATH[@SIZE]`.
    pub dataset: String,
    /// Folder of the data sets; not needed for `digits`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Training images for students, after the split, drawn by class; 0: all.
    #[serde(default)]
    pub train_limit: usize,
    /// Share of the training part that becomes validation; by default 0.25 for digits, 0.1 for others, and the images of `val/` where a folder has `train/`,
    /// `val/` and `test/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_fraction: Option<f64>,
    /// Share of each class that is kept for testing where a folder of images has no `train/` and `test/`; by default 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_fraction: Option<f64>,
    /// Draws the split.
    #[serde(default)]
    pub split_seed: u64,
    /// `NUMBER/OF`: only this portion of what is left after the split is the student's, by class; `teacher.portion` may name another.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub portion: String,
    /// Of each class, in their order, this share (0 to 1) of the student's training images is kept: proportions that differ from the teacher's,
    /// whose images stay, as do those for validation and test. By default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_shares: Vec<f64>,
    /// Each seed has labels for `data.train_limit` images of its own; false: all seeds for the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limit_by_seed: bool,
    /// Images without labels that criteria see beside the labelled ones: `rest` is the training images that `data.train_limit` leaves
    /// out, `folder:PATH[@SIZE]` all that lie below a folder. By default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlabelled: Option<String>,
    /// Share of a batch that is labelled where there are unlabelled images; all labelled ones where these are fewer.
    #[serde(default = "half", skip_serializing_if = "is_half")]
    pub labelled_share: f64,
    /// Images of an epoch where there are unlabelled images, rounded up to whole batches; 0: as many as there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch_images: usize,
    /// MiB of decoded images that stay in memory where images are files (`folder:PATH`); what is beyond is decoded again in each epoch;
    /// by default 256. Pixels do not depend on it.
    #[serde(default = "image_memory", skip_serializing_if = "is_image_memory")]
    pub memory: u64,
    /// A folder in which images that are files are stored decoded, in one file for each list of files and size, for later epochs and
    /// commands; by default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// Images that cannot be decoded are left out, counted and named; false: they end the command.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad: bool,
    /// `ignore`, as torchvision does, or `apply`: images that a camera stored on their side are turned as their EXIF data say; by default ignored.
    #[serde(default, skip_serializing_if = "is_ignored")]
    #[schemars(with = "String")]
    pub orientation: Orientation,
    /// `default` (the data set's own), `none`, or changes in their order, joined by `+`: `flip`, `crop:4`, `crop-flip:4`,
    /// `affine:DEGREES,SHIFT,ZOOM`, `resized-crop:LEAST` or `resized-crop:LEAST,bicubic` (in the first place cut out of the pictures as files
    /// have them), `jitter:BRIGHTNESS,CONTRAST,SATURATION,HUE`, `randaugment:OPERATIONS,MAGNITUDE`, `erase:PROBABILITY`.
    #[serde(default = "default_augment")]
    pub augment: String,
}

/// What `data.unlabelled` calls the training images that `data.train_limit` leaves out.
pub(crate) const REST: &str = "rest";

impl DataConfig {
    /// The data set; files are looked for under `root`.
    ///
    /// # Errors
    /// An unknown name, and whatever is missing from or wrong with the files.
    pub fn load(&self, root: Option<&Path>) -> Result<kd2m_data::Dataset, kd2m_data::DataError> {
        self.load_seen(root, None)
    }

    /// The same, image files without a first look where it is known what that finds.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn load_seen(
        &self,
        root: Option<&Path>,
        seen: Option<&Seen>,
    ) -> Result<kd2m_data::Dataset, kd2m_data::DataError> {
        let usual = Reading::default();
        let reading = Reading {
            test_fraction: self.test_fraction.unwrap_or(usual.test_fraction),
            memory: self.memory << 20,
            cache: self.cache.as_deref(),
            skip_bad: self.skip_bad,
            orientation: self.orientation,
            seen,
            cuts: self.augment.parse::<Augment>().is_ok_and(|augment| augment.cuts()),
            ..usual
        };
        let dataset = loading::load(&self.dataset, root, reading)?;
        match self.unlabelled.as_deref() {
            None | Some(REST) => Ok(dataset),
            Some(folder) => loading::load_unlabelled(dataset, folder, root, reading),
        }
    }

    /// Leaves out where data lie and how they are held, which says nothing of what a run finds.
    #[cfg(feature = "bench")]
    pub(crate) fn forget_place(&mut self) {
        (self.root, self.cache, self.memory) = (None, None, image_memory());
    }
}

fn is_ignored(orientation: &Orientation) -> bool {
    *orientation == Orientation::Ignore
}

/// All of what is left after the split.
pub(crate) fn whole() -> String {
    "1/1".to_owned()
}

pub(crate) fn is_whole(portion: &String) -> bool {
    *portion == whole()
}

/// Of a batch.
pub(crate) fn half() -> f64 {
    0.5
}

fn is_half(share: &f64) -> bool {
    *share == half()
}

/// In MiB.
pub(crate) fn image_memory() -> u64 {
    Reading::default().memory >> 20
}

fn is_image_memory(memory: &u64) -> bool {
    *memory == image_memory()
}

fn default_augment() -> String {
    "default".to_owned()
}

/// Precision of the products in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
}

/// The loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of a step.
    pub batch_size: usize,
    /// One student of each arm for each of them.
    pub seeds: Vec<u64>,
    /// Weight of the cross entropy; 0: labels are not used.
    pub ce_weight: f64,
    /// Precision of the products in a network.
    pub precision: Precision,
    /// Batches whose gradients are averaged before a step: where memory is short, four of 32 images are a step of 128.
    pub accumulate: usize,
    /// Decay of a moving average of the weights, which is then what is validated and saved; 0: none.
    pub ema: f64,
    /// α of mixup: each image is a sum with the one before it in its batch, by shares of Beta(α, α), and cross entropy the sum of both labels';
    /// 0: none. The teacher sees the same images, and learns from such where it is trained; criteria that read labels refuse it.
    #[serde(skip_serializing_if = "vanishes")]
    pub mixup: f64,
    /// α of CutMix: as `train.mixup` with a rectangle of the image before; with both every batch is mixed in one of the two ways; 0: none.
    #[serde(skip_serializing_if = "vanishes")]
    pub cutmix: f64,
    /// Every so many epochs, and after the last, the terms of `docs/theory.md` on the validation split; 0: never.
    #[serde(skip_serializing_if = "is_zero")]
    pub track_bounds: usize,
    /// Where several processes train together: batch norms take mean and variance over the batch of all, not over each one's share.
    #[serde(skip_serializing_if = "is_true")]
    pub sync_batch_norm: bool,
}

fn is_default<T: Default + PartialEq>(x: &T) -> bool {
    *x == T::default()
}

fn is_true(x: &bool) -> bool {
    *x
}

fn is_zero(x: &usize) -> bool {
    *x == 0
}

fn is_one(x: &f64) -> bool {
    *x == 1.0
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
            mixup: 0.0,
            cutmix: 0.0,
            track_bounds: 0,
            sync_batch_norm: true,
        }
    }
}

/// Which optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Stochastic gradient descent with momentum.
    #[default]
    Sgd,
    /// Adam with decoupled weight decay.
    AdamW,
}

/// Which tensors `optim.weight_decay` moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Every tensor that is trained.
    #[default]
    All,
    /// Weights of convolutions and linear layers alone.
    Weights,
}

/// How the learning rate falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// Half a cosine down to `min_lr`.
    #[default]
    Cosine,
    /// A factor at each milestone.
    MultiStep,
    /// As it begins.
    Constant,
}

/// The optimizer and its schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimConfig {
    /// `sgd` or `adamw`.
    pub algorithm: Algorithm,
    /// Learning rate.
    pub lr: f64,
    /// Of `sgd`.
    pub momentum: f64,
    /// Of `sgd`.
    pub nesterov: bool,
    /// In the gradient for `sgd`, decoupled for `adamw`.
    pub weight_decay: f64,
    /// What weight decay moves: by default `all`, or `weights` of convolutions and linear layers alone (no biases, norms, class tokens, positions).
    #[serde(skip_serializing_if = "is_default")]
    pub decay: Decay,
    /// Each part of a network learns at so many times the rate of the part behind it, the classifier at `optim.lr`: blocks of networks with layer norms, stages of others; 1: all alike.
    #[serde(skip_serializing_if = "is_one")]
    pub layer_decay: f64,
    /// `cosine` (to `optim.min_lr`), `multistep` (÷ 10 after each of `optim.milestones`), `constant`.
    pub schedule: ScheduleKind,
    /// Epochs after which `multistep` divides the rate by ten.
    pub milestones: Vec<usize>,
    /// Where `cosine` ends.
    pub min_lr: f64,
    /// Epochs of linear rise from zero.
    pub warmup_epochs: f64,
    /// Bound on the global norm of all gradients, learned parts included; 0: none.
    pub clip_norm: f64,
    /// Of the cross entropy.
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
            decay: Decay::All,
            layer_decay: 1.0,
            schedule: ScheduleKind::Cosine,
            milestones: Vec::new(),
            min_lr: 1e-4,
            warmup_epochs: 0.0,
            clip_norm: 0.0,
            label_smoothing: 0.0,
        }
    }
}

/// How the gradients of an arm's terms become one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// Their weighted sum.
    #[default]
    None,
    /// Each as strong as that of cross entropy, times its weight.
    GradientNorm,
    /// The shortest convex combination of the gradients of their logarithms.
    Pareto,
}

impl Balance {
    fn is_none(&self) -> bool {
        *self == Balance::None
    }
}

/// The name of λ = 0.
const NONE: &str = "none";

/// One way of training the student; its losses are summed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmConfig {
    /// Its folder below `students/`.
    pub name: String,
    /// In place of `train.ce_weight`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ce_weight: Option<f64>,
    /// In place of `student.head`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// In place of `optim.schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleKind>,
    /// μ: after each step the classifier takes one down ½ μ Λ², Λ the slope of cross entropy through it (`docs/theory.md`, statement 1); 0: none.
    #[serde(default, skip_serializing_if = "vanishes")]
    pub head_lipschitz: f64,
    /// How the gradients of its terms, cross entropy among them, become one step: `none` is their weighted sum; `gradient-norm` brings every criterion's to λ times the strength of cross entropy's in every step; `pareto` takes the shortest convex combination of the gradients of their logarithms, whatever λ is (DTO-KD). A weight left out is then 1. `docs/loss-weights.md`.
    #[serde(default, skip_serializing_if = "Balance::is_none")]
    pub balance: Balance,
    /// Keys of `[optim]` with values in place of the run's, as `{ lr = 0.05 }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub optim: BTreeMap<String, Value>,
    /// What it is asked beside the labels, one `[[arm.loss]]` each.
    #[serde(default, rename = "loss", skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<LossConfig>,
}

/// One weighted criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "loss::Keys", into = "loss::Keys")]
pub struct LossConfig {
    /// What is asked of the student, with its options.
    pub criterion: CriterionConfig,
    /// λ; when left out, that of the method's authors, and `auto` where there is none.
    pub weight: Option<Weight>,
    /// Weight λ · L / (abs(sg(L)) + 1e-8).
    pub scale_free: bool,
    /// Epochs over which λ rises linearly from zero.
    pub warmup_epochs: f64,
    /// Of several teachers the one that it learns from; none: the mean of all.
    pub teacher: Option<Which>,
}

impl ArmConfig {
    /// The arm λ = 0.
    pub fn none() -> Self {
        Self {
            name: NONE.to_owned(),
            ce_weight: None,
            head: None,
            schedule: None,
            head_lipschitz: 0.0,
            balance: Balance::None,
            optim: BTreeMap::new(),
            losses: Vec::new(),
        }
    }

    /// An arm with one criterion on the features, or with the sum of several as `hinton+cw2`, each with this weight.
    pub fn single(criterion: &str, weight: Option<Weight>) -> Self {
        let loss = |name: &str| LossConfig {
            criterion: CriterionConfig::new(name),
            weight,
            scale_free: false,
            warmup_epochs: 0.0,
            teacher: None,
        };
        Self { name: criterion.to_owned(), losses: criterion.split('+').map(loss).collect(), ..Self::none() }
    }

    /// λ = 0 with everything else as in the other arms: what they are compared with. The arm `none` is it with a rate of its own, too,
    /// which a grid chooses for it as for the others.
    pub fn is_none(&self) -> bool {
        let Self { name, ce_weight, head, schedule, head_lipschitz, balance, optim, losses } = self;
        let as_others = ce_weight.is_none() && head.is_none() && schedule.is_none() && balance.is_none();
        losses.is_empty() && as_others && *head_lipschitz == 0.0 && (optim.is_empty() || name == NONE)
    }

    /// `none`, or the criteria and `head-lipschitz` joined by `+`.
    pub fn criterion(&self) -> String {
        let penalty = (self.head_lipschitz > 0.0).then_some("head-lipschitz");
        let all: Vec<&str> = self.losses.iter().map(|l| l.criterion.name()).chain(penalty).collect();
        if all.is_empty() { NONE.to_owned() } else { all.join("+") }
    }
}

impl LossConfig {
    /// λ, what holds without one written out: that of the method's authors, or `auto` of a criterion that has none.
    pub fn resolved_weight(&self) -> Weight {
        let listed = || registry::default_weight(self.criterion.name()).map_or(Weight::Auto(1.0), Weight::Fixed);
        self.weight.unwrap_or_else(listed)
    }
}

impl Config {
    /// The portion of the training images that the teacher learns from and has outputs of.
    pub fn teacher_portion(&self) -> &str {
        self.teacher.portion.as_deref().unwrap_or(&self.data.portion)
    }

    /// The configuration as TOML text.
    ///
    /// # Errors
    /// None in practice: every field can be written.
    pub fn to_toml(&self) -> Result<String, Error> {
        Ok(toml::to_string(self)?)
    }
}
