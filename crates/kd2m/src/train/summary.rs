//! `summary.json`: what a run found, over seeds. Accuracies in percent; deviations with n − 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statistics::{correct, deviation, in_every_seed, mean, paired, verdict_of_run};
use crate::{
    columns::{Row, Versus},
    config::{ArmConfig, LossConfig, Weight},
    measure::Calibration,
    preprocess::Normalisation,
};

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The run's name.
    pub name: String,
    /// The data set's name.
    pub dataset: String,
    /// One student of each arm a seed.
    pub seeds: Vec<u64>,
    /// What the students learned from.
    pub teacher: TeacherSummary,
    /// One an arm, `none` first.
    pub students: Vec<ArmSummary>,
}

/// The teacher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TeacherSummary {
    /// Its network; `outputs` of a file of outputs.
    pub model: String,
    /// Trained numbers.
    pub parameters: usize,
    /// Percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub val_accuracy: f64,
    /// Percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
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

impl TeacherSummary {
    /// Of a file of outputs: nothing of it was run here, so nothing is known of it.
    pub fn of_outputs() -> Self {
        Self {
            model: "outputs".to_owned(),
            parameters: 0,
            val_accuracy: f64::NAN,
            test_accuracy: f64::NAN,
            test_top5: None,
            calibration: None,
            normalisation: None,
        }
    }

    /// Its name with what it scored on test; of stored outputs no score is known.
    pub fn described(&self) -> String {
        match self.test_accuracy {
            score if score.is_nan() => "stored outputs".to_owned(),
            score => format!("{}: {score:.2} % on test", self.model),
        }
    }
}

/// One student: `students/ARM/seed-K/summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudentSummary {
    /// The arm's name.
    pub arm: String,
    /// What its weights and its order of images come from.
    pub seed: u64,
    /// After the last epoch, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub test_accuracy: f64,
    /// The label is among the five largest logits, percent; null with fewer than ten classes.
    #[serde(default)]
    pub test_top5: Option<f64>,
    /// After the last epoch, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub val_accuracy: f64,
    /// Test accuracy of the epoch that was best on validation.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub best_val_test_accuracy: f64,
    /// Validation accuracy of that epoch, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub best_val_accuracy: f64,
    /// That epoch, from 1.
    pub best_val_epoch: usize,
    /// Mean W₂² to the teacher's features over full validation batches; null where widths differ.
    pub w2_to_teacher: Option<f64>,
    /// Linear CKA between its features and the teacher's on validation, 0 … 1.
    #[serde(default)]
    pub cka_to_teacher: Option<f64>,
    /// Of the last epoch on the test split.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// Training images over the time of the training parts.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub images_per_second: f64,
    /// Wall time of the training parts of all epochs.
    #[serde(deserialize_with = "crate::number::or_nan", default)]
    pub seconds: f64,
    /// Wall time of a training step.
    #[serde(deserialize_with = "crate::number::or_nan", default)]
    pub step_ms: f64,
    /// What each criterion takes of it.
    #[serde(deserialize_with = "crate::number::or_nan", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub criteria_ms: BTreeMap<String, f64>,
    /// λ of each loss as it was in the end: what an automatic one came out as. Summaries of an older version lack it.
    #[serde(deserialize_with = "crate::number::or_nan", default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
    /// What the criteria ask of the student over what is asked with cross entropy, 0 … 1, mean over the epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_gradient: Option<f64>,
    /// How pixels became its input.
    #[serde(default)]
    pub normalisation: Option<Normalisation>,
}

/// One arm over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmSummary {
    /// The arm's name.
    pub arm: String,
    /// `none`, a name, or several joined by `+`.
    pub criterion: String,
    /// λ of the arm's loss; 0 for `none`; null for a sum, whose weights are in `weights`.
    pub weight: Option<f64>,
    /// λ of each loss of a sum.
    #[serde(deserialize_with = "crate::number::or_nan", default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
    /// The students' network.
    pub model: String,
    /// Its trained numbers.
    pub parameters: usize,
    /// One a seed, after the last epoch.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub test_accuracy: Vec<f64>,
    /// Mean over the seeds, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub test_accuracy_mean: f64,
    /// Null with one seed.
    pub test_accuracy_std: Option<f64>,
    /// One a seed, after the last epoch, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub val_accuracy: Vec<f64>,
    /// The same of another epoch.
    pub best_val: BestVal,
    /// Means over the seeds: top-5 accuracy and expected calibration error on test, percent; linear CKA on validation.
    #[serde(default)]
    pub test_top5: Option<f64>,
    /// Expected calibration error on test, percentage points, mean over the seeds.
    #[serde(default)]
    pub ece: Option<f64>,
    /// Linear CKA on validation, 0 … 1, mean over the seeds.
    #[serde(default)]
    pub cka_to_teacher: Option<f64>,
    /// Mean over the seeds of W₂² to the teacher's features; null where widths differ.
    pub w2_to_teacher: Option<f64>,
    /// Mean over the seeds of [`StudentSummary::share_of_gradient`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_gradient: Option<f64>,
    /// Mean over the seeds.
    #[serde(deserialize_with = "crate::number::or_nan")]
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
    /// On test, one a seed, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub test_accuracy: Vec<f64>,
    /// Mean over the seeds, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub test_accuracy_mean: f64,
    /// With n − 1; null with one seed.
    pub test_accuracy_std: Option<f64>,
    /// On validation, one a seed, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub val_accuracy: Vec<f64>,
    /// Which epoch it is, from 1, one a seed.
    pub epoch: Vec<usize>,
}

/// A paired difference in test accuracy, in points: same seeds, same initial weights, same order of data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Mean over the seeds.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub mean: f64,
    /// Half width of the 95 % t interval.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub half_width: f64,
    /// Of the two-sided paired t test.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub p: f64,
    /// After Holm over the arms.
    #[serde(deserialize_with = "crate::number::or_nan", default)]
    pub p_holm: f64,
    /// The difference nearest to 0, where all seeds differ in the same direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_seed: Option<f64>,
}

impl Difference {
    /// What may be said of it, over so many seeds.
    pub fn verdict(&self, seeds: usize) -> &'static str {
        verdict_of_run(self.p_holm, seeds, self.mean, self.every_seed)
    }
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

/// λ of each loss of an arm: the number that was given, or the mean over the seeds of what was found, with three digits.
pub fn used_weights(arm: &ArmConfig, students: &[StudentSummary]) -> Vec<f64> {
    let found = |index: usize| {
        let all = mean_of_all(students.iter().map(|s| s.weights.get(index).copied()));
        all.map(|weight| format!("{weight:.2e}").parse().unwrap_or(weight))
    };
    let one = |(index, loss): (usize, &LossConfig)| match loss.weight {
        Some(Weight::Fixed(weight)) => weight,
        // Versions that did not measure took 1 where the authors give no weight.
        _ => found(index).unwrap_or_else(|| loss.resolved_weight().fixed().unwrap_or(1.0)),
    };
    arm.losses.iter().enumerate().map(one).collect()
}

impl ArmSummary {
    /// Puts the seeds of an arm together.
    pub fn new(arm: &ArmConfig, model: &str, parameters: usize, students: &[StudentSummary]) -> Self {
        let weights = used_weights(arm, students);
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
            share_of_gradient: optional(|s| s.share_of_gradient),
            images_per_second: mean(&pick(|s| s.images_per_second)),
            normalisation: students.first().and_then(|s| s.normalisation.clone()),
            versus_none: None,
        }
    }
}

impl TeacherSummary {
    /// For a table.
    pub fn row(&self) -> Row {
        Row {
            is_teacher: true,
            teacher: self.model.clone(),
            arm: "teacher".to_owned(),
            criterion: "teacher".to_owned(),
            // Neither is known of outputs that were given.
            parameters: Some(self.parameters).filter(|count| *count > 0),
            test_mean: Some(self.test_accuracy).filter(|accuracy| accuracy.is_finite()),
            top5: self.test_top5,
            ece: self.calibration.as_ref().map(|c| c.ece),
            ..Row::default()
        }
    }
}

impl ArmSummary {
    pub(super) fn row(&self) -> Row {
        Row {
            arm: self.arm.clone(),
            criterion: self.criterion.clone(),
            weights: self.weight.map(|weight| vec![weight]),
            parameters: Some(self.parameters),
            seeds: self.test_accuracy.len(),
            test: self.test_accuracy.clone(),
            test_mean: Some(self.test_accuracy_mean),
            test_std: self.test_accuracy_std,
            best_mean: Some(self.best_val.test_accuracy_mean),
            best_std: self.best_val.test_accuracy_std,
            top5: self.test_top5,
            ece: self.ece,
            cka_to_teacher: self.cka_to_teacher,
            w2_to_teacher: self.w2_to_teacher,
            share_of_gradient: self.share_of_gradient,
            versus_none: self.versus_none.as_ref().map(|d| Versus {
                mean: d.mean,
                half_width: d.half_width,
                p: d.p,
                p_holm: d.p_holm,
                verdict: d.verdict(self.test_accuracy.len()),
            }),
            images_per_second: Some(self.images_per_second),
            ..Row::default()
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
                every_seed: in_every_seed(&arm.test_accuracy, &none.test_accuracy),
            });
        }
        let differences = self.students.iter_mut().filter_map(|s| s.versus_none.as_mut());
        correct(differences.map(|d| (d.p, &mut d.p_holm)));
        self
    }

    /// Teacher and arms, for a table.
    pub fn rows(&self) -> Vec<Row> {
        std::iter::once(self.teacher.row()).chain(self.students.iter().map(ArmSummary::row)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{measure::calibration::Bin, number::tests::every_float_may_be_null};

    fn calibration() -> Calibration {
        Calibration { ece: 1.5, bins: vec![Bin { count: 3, confidence: 90.5, accuracy: 80.5 }; 2] }
    }

    /// A student's summary with every field filled in but the normalisation, whose numbers are checked when they are read.
    pub fn student(arm: &str, seed: u64) -> StudentSummary {
        StudentSummary {
            arm: arm.to_owned(),
            seed,
            test_accuracy: 90.5,
            test_top5: Some(99.5),
            val_accuracy: 91.5,
            best_val_test_accuracy: 92.5,
            best_val_accuracy: 93.5,
            best_val_epoch: 2,
            w2_to_teacher: Some(0.5),
            cka_to_teacher: Some(0.75),
            calibration: Some(calibration()),
            images_per_second: 1000.5,
            seconds: 1.5,
            step_ms: 2.5,
            criteria_ms: [("w2".to_owned(), 0.5)].into(),
            weights: vec![0.25],
            share_of_gradient: Some(0.125),
            normalisation: None,
        }
    }

    /// A teacher's summary, likewise.
    pub fn teacher() -> TeacherSummary {
        TeacherSummary {
            model: "mlp-3".to_owned(),
            parameters: 10,
            val_accuracy: 98.5,
            test_accuracy: 97.5,
            test_top5: Some(99.5),
            calibration: Some(calibration()),
            normalisation: None,
        }
    }

    #[test]
    fn any_number_of_a_summary_may_be_null() {
        let students = [student("w2", 1), student("w2", 2)];
        let mut arm = ArmSummary::new(&ArmConfig::single("w2", Some(0.5.into())), "mlp-3", 10, &students);
        arm.weights = vec![0.5, 1.5];
        arm.test_accuracy_std = Some(0.5);
        arm.best_val.test_accuracy_std = Some(0.5);
        arm.versus_none = Some(Difference { mean: 0.5, half_width: 1.5, p: 0.25, p_holm: 0.5, every_seed: Some(0.25) });
        let summary = Summary {
            name: "x".to_owned(),
            dataset: "digits".to_owned(),
            seeds: vec![1, 2],
            teacher: teacher(),
            students: vec![arm],
        };
        every_float_may_be_null(&summary);
        every_float_may_be_null(&students[0]);
        every_float_may_be_null(&summary.teacher);
    }

    #[test]
    fn arms_whose_numbers_are_unknown_are_compared_all_the_same() {
        let mut students = [student("none", 1), student("none", 2)];
        students[0].test_accuracy = f64::NAN;
        let arm = |name: &str, arm: ArmConfig, students: &[StudentSummary]| ArmSummary {
            arm: name.to_owned(),
            ..ArmSummary::new(&arm, "mlp-3", 10, students)
        };
        let summary = Summary {
            name: "x".to_owned(),
            dataset: "digits".to_owned(),
            seeds: vec![1, 2],
            teacher: teacher(),
            students: vec![
                arm("none", ArmConfig::none(), &students),
                arm("w2", ArmConfig::single("w2", Some(0.5.into())), &[student("w2", 1), student("w2", 2)]),
            ],
        };
        let difference = summary.compare().students[1].versus_none.clone().unwrap();
        assert!(difference.mean.is_nan() && difference.p_holm == 1.0, "{difference:?}");
    }
}
