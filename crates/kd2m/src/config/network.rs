//! The two networks of a run: which they are, where their weights come from, and through which eyes they see.

use std::path::{Path, PathBuf};

use kd2m_nn::zoo::Stem;
use serde::{Deserialize, Deserializer, Serialize};

use crate::preprocess::Keys;

/// The network that is matched: weights from a file, or trained first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherConfig {
    pub model: String,
    #[serde(default)]
    pub stem: Stem,
    /// A `.safetensors` or `.pth` file, `FILE#KEY` for one of several networks in it; without it the teacher is trained in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// How pixels become its input: a name of [`crate::preprocess::PRESETS`]; what the weights say of themselves by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// In place of the preset's mean and deviation, of pixels in 0…1: one number for each channel, or one for all.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub mean: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub std: Option<Vec<f64>>,
    /// Weights to start from when it is trained, as the paper's ImageNet weights; a classifier of other classes is drawn anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// Epochs when it is trained; `train.epochs` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    #[serde(default)]
    pub seed: u64,
    /// Its training images; `data.train_limit` by default, 0: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Compute its outputs once where no augmentation is random.
    #[serde(default)]
    pub cache: TeacherCache,
}

/// A list, or a single number in place of a list of one.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<f64>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "mean and std are numbers between 0 and 1, one for each channel or one for all")]
    enum Numbers {
        One(f64),
        Many(Vec<f64>),
    }
    Ok(Some(match Numbers::deserialize(deserializer)? {
        Numbers::One(number) => vec![number],
        Numbers::Many(numbers) => numbers,
    }))
}

impl TeacherConfig {
    /// How pixels become its input.
    pub fn preprocessing(&self) -> Keys<'_> {
        keys("teacher", &self.preset, &self.mean, &self.std)
    }

    /// The file whose weights it has or begins with.
    pub fn given(&self) -> Option<&Path> {
        self.weights.as_deref().or(self.init.as_deref())
    }
}

impl StudentConfig {
    /// How pixels become its input.
    pub fn preprocessing(&self) -> Keys<'_> {
        keys("student", &self.preset, &self.mean, &self.std)
    }
}

fn keys<'a>(
    section: &'static str,
    preset: &'a Option<String>,
    mean: &'a Option<Vec<f64>>,
    std: &'a Option<Vec<f64>>,
) -> Keys<'a> {
    Keys { section, preset: preset.as_deref(), mean: mean.as_deref(), std: std.as_deref() }
}

/// Where a teacher's outputs are remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`teacher.cache` is true, false or a folder")]
pub enum TeacherCache {
    /// In the folder of the run while it lasts (of a grid: beside the teacher), or not at all.
    Switch(bool),
    /// In this folder, for every run that names it.
    Folder(PathBuf),
}

impl TeacherCache {
    /// False only when it was switched off.
    pub fn is_on(&self) -> bool {
        *self != TeacherCache::Switch(false)
    }
}

impl Default for TeacherCache {
    fn default() -> Self {
        TeacherCache::Switch(true)
    }
}

/// The network that learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentConfig {
    pub model: String,
    #[serde(default)]
    pub stem: Stem,
    /// Weights to start from instead of a random draw; a classifier of other classes is drawn anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// How pixels become its input: a name of [`crate::preprocess::PRESETS`]; what the weights say of themselves by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// In place of the preset's mean and deviation, of pixels in 0…1: one number for each channel, or one for all.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub mean: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub std: Option<Vec<f64>>,
    /// Its classifier.
    #[serde(default, skip_serializing_if = "Head::is_own")]
    pub head: Head,
}

/// Which classifier a student has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// Its own, trained with it.
    #[default]
    Own,
    /// The teacher's, which is not trained (SimKD).
    Teacher,
}

impl Head {
    /// True unless the teacher's is kept.
    pub fn is_own(&self) -> bool {
        *self == Head::Own
    }
}
