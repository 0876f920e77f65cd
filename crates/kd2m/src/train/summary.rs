//! `summary.json`: what a run found, over seeds. Accuracies in percent; deviations with n − 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statistics::{deviation, holm, mean, paired};
use crate::{config::ArmConfig, measure::Calibration, preprocess::Normalisation};

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub name: String,
    pub dataset: String,
    pub seeds: Vec<u64>,
    pub teacher: TeacherSummary,
    pub students: Vec<ArmSummary>,
}

/// The teacher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TeacherSummary {
    pub model: String,
    pub parameters: usize,
    pub val_accuracy: f64,
    pub test_accuracy: f64,
    /// The label is among the five largest logits, percent; null with fewer than ten classes.
    #[serde(default)]
    pub test_top5: Option<f64>,
    /// On the test split.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// How pixels became its input.
    #[serde(default)]
    pub normalisation: Option<Normalisation>,
}

/// One student: `students/ARM/seed-K/summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudentSummary {
    pub arm: String,
    pub seed: u64,
    pub test_accuracy: f64,
    /// The label is among the five largest logits, percent; null with fewer than ten classes.
    #[serde(default)]
    pub test_top5: Option<f64>,
    pub val_accuracy: f64,
    /// Test accuracy of the epoch that was best on validation.
    pub best_val_test_accuracy: f64,
    pub best_val_accuracy: f64,
    pub best_val_epoch: usize,
    pub w2_to_teacher: Option<f64>,
    /// Linear CKA between its features and the teacher's on validation, 0 … 1.
    #[serde(default)]
    pub cka_to_teacher: Option<f64>,
    /// Of the last epoch on the test split.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    pub images_per_second: f64,
    /// Wall time of the training parts of all epochs.
    #[serde(default)]
    pub seconds: f64,
    /// Wall time of a training step.
    #[serde(default)]
    pub step_ms: f64,
    /// What each criterion takes of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub criteria_ms: BTreeMap<String, f64>,
    /// How pixels became its input.
    #[serde(default)]
    pub normalisation: Option<Normalisation>,
}

/// One arm over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmSummary {
    pub arm: String,
    /// `none`, a name, or several joined by `+`.
    pub criterion: String,
    /// λ of the arm's loss; 0 for `none`; null for a sum, whose weights are in `weights`.
    pub weight: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
    pub model: String,
    pub parameters: usize,
    /// One a seed, after the last epoch.
    pub test_accuracy: Vec<f64>,
    pub test_accuracy_mean: f64,
    /// Null with one seed.
    pub test_accuracy_std: Option<f64>,
    pub val_accuracy: Vec<f64>,
    pub best_val: BestVal,
    /// Means over the seeds: top-5 accuracy and expected calibration error on test, percent; linear CKA on validation.
    #[serde(default)]
    pub test_top5: Option<f64>,
    #[serde(default)]
    pub ece: Option<f64>,
    #[serde(default)]
    pub cka_to_teacher: Option<f64>,
    pub w2_to_teacher: Option<f64>,
    pub images_per_second: f64,
    /// How pixels became the students' input.
    #[serde(default)]
    pub normalisation: Option<Normalisation>,
    /// Against the arm `none`; null without it or with one seed.
    pub versus_none: Option<Difference>,
}

/// The same for the epoch that was best on validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestVal {
    pub test_accuracy: Vec<f64>,
    pub test_accuracy_mean: f64,
    pub test_accuracy_std: Option<f64>,
    pub val_accuracy: Vec<f64>,
    pub epoch: Vec<usize>,
}

/// A paired difference in test accuracy, in points: same seeds, same initial weights, same order of data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub mean: f64,
    /// Half width of the 95 % t interval.
    pub half_width: f64,
    pub p: f64,
    /// After Holm over the arms.
    #[serde(default)]
    pub p_holm: f64,
}

impl StudentSummary {
    /// Expected calibration error on test, percentage points.
    pub fn ece(&self) -> Option<f64> {
        self.calibration.as_ref().map(|c| c.ece)
    }
}

/// The mean of values that all are there; a summary of an older version may lack one.
pub fn mean_of_all(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let all: Option<Vec<f64>> = values.collect();
    all.filter(|v| !v.is_empty()).map(|v| mean(&v))
}

impl ArmSummary {
    /// Puts the seeds of an arm together.
    pub fn new(arm: &ArmConfig, model: &str, parameters: usize, students: &[StudentSummary]) -> Self {
        let weights: Vec<f64> = arm.losses.iter().map(|l| l.resolved_weight()).collect();
        let pick = |f: fn(&StudentSummary) -> f64| students.iter().map(f).collect::<Vec<f64>>();
        let test = pick(|s| s.test_accuracy);
        let best = pick(|s| s.best_val_test_accuracy);
        let optional = |f: fn(&StudentSummary) -> Option<f64>| mean_of_all(students.iter().map(f));
        Self {
            arm: arm.name.clone(),
            criterion: arm.criterion(),
            weight: match weights.as_slice() {
                [] => Some(0.0),
                [one] => Some(*one),
                _ => None,
            },
            weights: if weights.len() > 1 { weights } else { Vec::new() },
            model: model.to_owned(),
            parameters,
            test_accuracy_mean: mean(&test),
            test_accuracy_std: deviation(&test),
            test_accuracy: test,
            val_accuracy: pick(|s| s.val_accuracy),
            best_val: BestVal {
                test_accuracy_mean: mean(&best),
                test_accuracy_std: deviation(&best),
                test_accuracy: best,
                val_accuracy: pick(|s| s.best_val_accuracy),
                epoch: students.iter().map(|s| s.best_val_epoch).collect(),
            },
            test_top5: optional(|s| s.test_top5),
            ece: optional(StudentSummary::ece),
            cka_to_teacher: optional(|s| s.cka_to_teacher),
            w2_to_teacher: optional(|s| s.w2_to_teacher),
            images_per_second: mean(&pick(|s| s.images_per_second)),
            normalisation: students.first().and_then(|s| s.normalisation.clone()),
            versus_none: None,
        }
    }
}

impl Summary {
    /// Fills in every arm's difference to the arm `none`.
    pub fn compare(mut self) -> Self {
        let Some(none) = self.students.iter().find(|s| s.criterion == "none").cloned() else { return self };
        for arm in self.students.iter_mut().filter(|s| s.arm != none.arm) {
            arm.versus_none = paired(&arm.test_accuracy, &none.test_accuracy).map(|d| Difference {
                mean: d.mean,
                half_width: d.half_width,
                p: d.p,
                p_holm: d.p,
            });
        }
        let versus = || self.students.iter().filter_map(|s| s.versus_none.as_ref());
        let adjusted = holm(&versus().map(|d| d.p).collect::<Vec<_>>());
        self.students.iter_mut().filter_map(|s| s.versus_none.as_mut()).zip(adjusted).for_each(|(d, p)| d.p_holm = p);
        self
    }
}
