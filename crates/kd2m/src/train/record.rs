//! One line of `metrics.jsonl`: what is known after an epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// After an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Learning rate at the epoch's last step.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub lr: f64,
    /// Wall time of the training part; validation is left out.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub seconds: f64,
    /// Training images ÷ `seconds`: loader, augmentation, teacher, student, criteria and optimizer.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub images_per_second: f64,
    /// True when all of the teacher's outputs came from its cache.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub teacher_cache: bool,
    /// Over the batches of the epoch, while the weights moved.
    pub train: SplitRecord,
    /// On the validation split, after the epoch.
    pub val: SplitRecord,
    /// Mean W₂² between student's and teacher's features over full validation batches; null where widths differ.
    pub w2_to_teacher: Option<f64>,
    /// Terms of `docs/theory.md` on the validation split, by name, in the epochs that `train.track_bounds` chooses.
    #[serde(deserialize_with = "crate::number::or_nan", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<String, f64>,
}

/// Means over the samples of a split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitRecord {
    /// The whole objective.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub loss: f64,
    /// Percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub accuracy: f64,
    /// Samples that were answered right, which `accuracy` is made of; null in runs of older versions.
    #[serde(default)]
    pub correct: Option<u64>,
    /// Cross entropy with the labels, nats.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub ce: f64,
    /// Each criterion by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub terms: BTreeMap<String, TermRecord>,
}

impl SplitRecord {
    /// Whether more samples were answered right than in another epoch on the same split. Counted, because percentages that went
    /// through a file must not decide anything.
    pub fn beats(&self, other: &Self) -> bool {
        match (self.correct, other.correct) {
            (Some(own), Some(other)) => own > other,
            _ => self.accuracy > other.accuracy,
        }
    }
}

/// Means of one criterion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TermRecord {
    /// The criterion itself.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub raw: f64,
    /// What it adds to the loss.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub weighted: f64,
    /// Its time over the time of the training part.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub share_of_step: f64,
    /// Its part of the loss: what it adds over what all add, signs left out, 0 … 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_loss: Option<f64>,
    /// Its part of what all ask of the student, 0 … 1, over the first batches of the epoch (`docs/loss-weights.md`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_gradient: Option<f64>,
    /// Means of what the criterion says of itself, by name.
    #[serde(deserialize_with = "crate::number::or_nan", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub diagnostics: BTreeMap<String, f64>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::number::tests::every_float_may_be_null;

    /// A record with every field filled in.
    pub fn filled() -> EpochRecord {
        let term = TermRecord {
            raw: 0.5,
            weighted: 0.25,
            share_of_step: 0.125,
            share_of_loss: Some(0.25),
            share_of_gradient: Some(0.75),
            diagnostics: [("gap".to_owned(), 1.5)].into(),
        };
        let split = SplitRecord {
            loss: 0.75,
            accuracy: 95.83333333333333,
            correct: Some(345),
            ce: 0.5,
            terms: [("w2".to_owned(), term)].into(),
        };
        EpochRecord {
            epoch: 3,
            lr: 0.01,
            seconds: 1.5,
            images_per_second: 1234.5,
            teacher_cache: true,
            train: split.clone(),
            val: split,
            w2_to_teacher: Some(1.0 / 3.0),
            bounds: [("w1".to_owned(), 2.5)].into(),
        }
    }

    #[test]
    fn any_number_of_a_line_may_be_null() {
        every_float_may_be_null(&filled());
    }

    #[test]
    fn counts_decide_and_percentages_only_without_them() {
        let of = |correct, accuracy| SplitRecord { correct, accuracy, ..SplitRecord::default() };
        let (a, b) = (of(Some(345), 95.833_333_333_333_33), of(Some(345), 95.833_333_333_333_31));
        assert!(!a.beats(&b) && !b.beats(&a) && of(Some(346), 0.0).beats(&a));
        assert!(of(None, 96.0).beats(&a) && !of(None, f64::NAN).beats(&a));
    }
}
