//! The two networks of a run: which they are, where their weights come from, and through which eyes they see.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kd2m_nn::{Dropped, zoo::Stem};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::cache::TeacherCache;
use crate::{
    imported,
    preprocess::{Keys, ResizeKey, SizeKeys},
};

/// The network that is matched: weights from a file, or trained first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeacherConfig {
    /// Of several: what `teacher` of an `[[arm.loss]]` calls it; its model when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A network of `kd2m list models`, or `onnx:FILE`, a model of another program with its weights; none with `teacher.outputs`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Of `onnx:FILE`: the value that is its features, one vector an image; by default the output of that name, else what the last linear layer reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// Of `onnx:FILE`: the values that are its stages, e.g. `{ layer2 = "/layer2/layer2.1/relu_1/Relu_output_0" }`, for criteria on maps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, String>,
    /// `imagenet` or `cifar`, for ResNet-18/34/50/101.
    #[serde(default)]
    #[schemars(with = "String")]
    pub stem: Stem,
    /// A `.safetensors` or `.pth` file, `FILE#KEY` for one of several networks in it, or `hf:OWNER/NAME` of the Hugging Face hub; without it the teacher is trained in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// How pixels become its input: `dataset`, `imagenet`, `imagenet-v2`, `clip`, `inception`, `lite` or `none`; by default what the weights say of themselves, else `dataset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// In place of the preset's mean of pixels in 0…1: one number for each channel, or one for all.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub mean: Option<Vec<f64>>,
    /// The same in place of its deviation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub std: Option<Vec<f64>>,
    /// `squash`, or the length of the shorter side: how images come to the network's size first; by default as the preset or the weights say, else as the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<ResizeKey>,
    /// The side of the square that is cut out of their centre then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<usize>,
    /// The side of what the network sees: images are squashed to it, or cut where `resize` or the preset names a shorter side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// `bilinear` or `bicubic`, antialiased as Pillow's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpolation: Option<String>,
    /// A `.npz` or `.safetensors` file of its outputs in place of a network: `features` n×d, `logits` n×C and `labels` n (these two may
    /// lack), `ids` n (places in the training part; lacking: that order), and `head.weight`, `head.bias` where its classifier is shared, `class_names`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<PathBuf>,
    /// False: its outputs are a bank of *other* images, from which every batch is matched with a draw. Only criteria that compare
    /// distributions run then.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub paired: bool,
    /// `raw`, `standard` (each feature with mean 0 and deviation 1), `whiten`, or `phi-s` (turned so that every axis has variance 1, distances in proportion): what criteria on features see of it, fitted on the student's training images.
    #[serde(default, skip_serializing_if = "FeaturesAs::is_raw")]
    pub features_as: FeaturesAs,
    /// Which portion of the training images it learns from and has outputs of; `data.portion` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portion: Option<String>,
    /// Weights that a teacher trained in the run starts from; a classifier of other classes is drawn anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// Epochs when it is trained; `train.epochs` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Draws its initial weights and its batches.
    #[serde(default)]
    pub seed: u64,
    /// Its training images; `data.train_limit` by default, 0: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Remember its outputs where no augmentation is random: in the run folder while it runs; a folder here instead of true keeps them for other runs; false: compute them in every step. `views`, or `views:DIR` for other runs: where augmentation is random, too, in half precision by seed, epoch and image (`docs/images.md`).
    #[serde(default)]
    pub cache: TeacherCache,
}

/// Whether a rate is none.
pub(super) fn vanishes(x: &f64) -> bool {
    *x == 0.0
}

fn yes() -> bool {
    true
}

fn is_yes(paired: &bool) -> bool {
    *paired
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
        let size = SizeKeys {
            resize: self.resize.as_ref(),
            crop: self.crop,
            size: self.size,
            interpolation: self.interpolation.as_deref(),
        };
        keys("teacher", &self.preset, &self.mean, &self.std, size)
    }

    /// What a loss calls it.
    pub fn called(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.name())
    }

    /// What it is called in results: of an ONNX file without its folders.
    pub fn name(&self) -> String {
        imported::file(&self.model).map_or_else(|| self.model.clone(), imported::name)
    }

    /// The file whose weights it has or begins with.
    pub fn given(&self) -> Option<&Path> {
        self.weights.as_deref().or(self.init.as_deref())
    }
}

impl StudentConfig {
    /// What it leaves out while it is trained.
    pub fn dropped(&self) -> Dropped {
        Dropped { blocks: self.drop_path, features: self.dropout }
    }

    /// How pixels become its input.
    pub fn preprocessing(&self) -> Keys<'_> {
        let size = SizeKeys {
            resize: self.resize.as_ref(),
            crop: self.crop,
            size: self.size,
            interpolation: self.interpolation.as_deref(),
        };
        keys("student", &self.preset, &self.mean, &self.std, size)
    }
}

fn keys<'a>(
    section: &'static str,
    preset: &'a Option<String>,
    mean: &'a Option<Vec<f64>>,
    std: &'a Option<Vec<f64>>,
    size: SizeKeys<'a>,
) -> Keys<'a> {
    Keys { section, preset: preset.as_deref(), mean: mean.as_deref(), std: std.as_deref(), size }
}

/// What criteria see of a teacher's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeaturesAs {
    /// As they are.
    #[default]
    Raw,
    /// Each with mean 0 and deviation 1.
    Standard,
    /// Uncorrelated, each with deviation 1.
    Whiten,
    /// Turned so that every axis has the same variance, 1.
    PhiS,
}

impl FeaturesAs {
    /// True unless something is done to them.
    pub fn is_raw(&self) -> bool {
        *self == FeaturesAs::Raw
    }
}

/// The network that learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudentConfig {
    /// A network of `kd2m list models`.
    pub model: String,
    /// `imagenet` or `cifar`, for ResNet-18/34/50/101.
    #[serde(default)]
    #[schemars(with = "String")]
    pub stem: Stem,
    /// Weights to start from instead of a random draw; a classifier of other classes is drawn anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// How pixels become its input: `dataset`, `imagenet`, `imagenet-v2`, `clip`, `inception`, `lite` or `none`; by default what the weights say of themselves, else `dataset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// In place of the preset's mean of pixels in 0…1: one number for each channel, or one for all.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub mean: Option<Vec<f64>>,
    /// The same in place of its deviation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_many")]
    pub std: Option<Vec<f64>>,
    /// `squash`, or the length of the shorter side: how images come to the network's size first; by default as the preset or the weights say, else as the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<ResizeKey>,
    /// The side of the square that is cut out of their centre then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<usize>,
    /// The side of what the network sees: images are squashed to it, or cut where `resize` or the preset names a shorter side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// `bilinear` or `bicubic`, antialiased as Pillow's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpolation: Option<String>,
    /// Stochastic depth: the rate at which residual blocks are left out while training, sample by sample, rising from 0 at the first block as in torchvision and timm (`docs/networks.md`); 0: none.
    #[serde(default, skip_serializing_if = "vanishes")]
    pub drop_path: f64,
    /// The rate at which features are left out before the classifier while training; 0: none.
    #[serde(default, skip_serializing_if = "vanishes")]
    pub dropout: f64,
    /// `own` (when left out); `teacher`: the teacher's classifier, which is not trained (SimKD); needs equal widths; `lift`: its own, behind a linear layer to the teacher's feature width that is kept (Lift, ICML 2026): the features are that layer's.
    #[serde(default, skip_serializing_if = "Head::is_plain")]
    pub head: Head,
}

/// Which classifier a student has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// Its own, trained with it.
    #[default]
    Own,
    /// The teacher's, which is not trained (SimKD).
    Teacher,
    /// Its own behind a linear layer to the teacher's width, which is part of the student.
    Lift,
}

impl Head {
    /// True unless the teacher's is kept.
    pub fn is_own(&self) -> bool {
        *self != Head::Teacher
    }

    /// True of a network as the zoo has it.
    pub fn is_plain(&self) -> bool {
        *self == Head::Own
    }
}
