//! The keys of one loss of an arm: those of its criterion and those of its weight stand side by side.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossConfig, Weight, Which, weight::Written};
use crate::criterion::{CriterionConfig, config::Value, matching::FEATURES, registry};

/// As a file has them.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LossConfig")]
pub struct Keys {
    /// A name of `kd2m list criteria`.
    criterion: String,
    /// `features`, `logits`, `probabilities` (softmax of the logits), or a stage whose map is averaged over positions (`layer3:block-6`: the student's and the teacher's). A criterion that is no metric reads what its method reads, as `hinton` the logits, and takes none.
    #[serde(default = "features", skip_serializing_if = "String::is_empty")]
    on: String,
    /// λ: a number, or `auto`, by which the criterion's gradient has a stated share of cross entropy's (`docs/loss-weights.md`), or a multiple as `auto*3`. When left out, that of the method's authors, and `auto` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Written>")]
    weight: Option<Weight>,
    /// Weight λ · L / (abs(sg(L)) + 1e-8), whose gradient is that of λ log L: it does not depend on the scale of the features.
    #[serde(default)]
    scale_free: bool,
    /// Epochs over which λ rises linearly from zero.
    #[serde(default)]
    warmup_epochs: f64,
    /// Of several teachers the one that it learns from: its name, or its place counted from 0; the mean of all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    teacher: Option<Which>,
    /// Samples of each class that are remembered (student's as they were, teacher's) and enlarge the clouds of later batches in training: for many classes and small batches. A batch's gradient shrinks with its share of the cloud, so raise λ with it. Not for `mse` and the baselines; 0: none.
    #[serde(default)]
    memory: usize,
    /// The criterion's own options.
    #[serde(flatten)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    options: BTreeMap<String, Value>,
}

fn features() -> String {
    FEATURES.to_owned()
}

impl From<Keys> for LossConfig {
    fn from(keys: Keys) -> Self {
        let Keys { criterion, on, weight, scale_free, warmup_epochs, teacher, memory, options } = keys;
        let criterion = CriterionConfig::new(&criterion).on(&on).memory(memory);
        let criterion = options.into_iter().fold(criterion, |all, (key, value)| all.set(&key, value));
        Self { criterion, weight, scale_free, warmup_epochs, teacher }
    }
}

impl From<LossConfig> for Keys {
    fn from(loss: LossConfig) -> Self {
        let LossConfig { criterion, weight, scale_free, warmup_epochs, teacher } = loss;
        let says_nothing = criterion.is_on_features() && registry::chooses_outputs(criterion.name());
        Self {
            criterion: criterion.name().to_owned(),
            on: if says_nothing { String::new() } else { criterion.output().to_owned() },
            weight,
            scale_free,
            warmup_epochs,
            teacher,
            memory: criterion.remembered(),
            options: criterion.options().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::ArmConfig;

    #[test]
    fn only_what_compares_outputs_of_one_s_choice_says_which() {
        let text = |name: &str| toml::to_string(&ArmConfig::single(name, None)).unwrap();
        assert!(text("w2").contains("\non = \"features\"") && text("class-sinkhorn").contains("\non = \"features\""));
        for name in ["hinton", "fitnet"] {
            assert!(!text(name).contains("\non = "), "{}", text(name));
            assert_eq!(toml::from_str::<ArmConfig>(&text(name)).unwrap(), ArmConfig::single(name, None));
        }
    }
}
