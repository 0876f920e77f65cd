//! One line of `metrics.jsonl`: what is known after an epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// After an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Learning rate at the epoch's last step.
    pub lr: f64,
    /// Wall time of the training part; validation is left out.
    pub seconds: f64,
    /// Training images ÷ `seconds`: loader, augmentation, teacher, student, criteria and optimizer.
    pub images_per_second: f64,
    /// True when all of the teacher's outputs came from its cache.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub teacher_cache: bool,
    pub train: SplitRecord,
    pub val: SplitRecord,
    /// Mean W₂² between student's and teacher's features over full validation batches; null where widths differ.
    pub w2_to_teacher: Option<f64>,
    /// Terms of `docs/theory.md` on the validation split, by name, in the epochs that `train.track_bounds` chooses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<String, f64>,
}

/// Means over the samples of a split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitRecord {
    pub loss: f64,
    /// Percent.
    pub accuracy: f64,
    pub ce: f64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub terms: BTreeMap<String, TermRecord>,
}

/// Means of one criterion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TermRecord {
    /// The criterion itself.
    pub raw: f64,
    /// What it adds to the loss.
    pub weighted: f64,
    /// Its time over the time of the training part.
    pub share_of_step: f64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub diagnostics: BTreeMap<String, f64>,
}
