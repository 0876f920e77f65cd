//! The keys of one loss of an arm: those of its criterion and those of its weight stand side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LossConfig;
use crate::criterion::{CriterionConfig, config::Value, matching::FEATURES};

/// As a file has them.
#[derive(Serialize, Deserialize)]
pub struct Keys {
    criterion: String,
    /// `features`, `logits`, `probabilities` or the name of a stage.
    #[serde(default = "features")]
    on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    #[serde(default)]
    scale_free: bool,
    #[serde(default)]
    warmup_epochs: f64,
    #[serde(default)]
    memory: usize,
    /// The criterion's own options.
    #[serde(flatten)]
    options: BTreeMap<String, Value>,
}

fn features() -> String {
    FEATURES.to_owned()
}

impl From<Keys> for LossConfig {
    fn from(keys: Keys) -> Self {
        let Keys { criterion, on, weight, scale_free, warmup_epochs, memory, options } = keys;
        let criterion = CriterionConfig::new(&criterion).on(&on).memory(memory);
        let criterion = options.into_iter().fold(criterion, |all, (key, value)| all.set(&key, value));
        Self { criterion, weight, scale_free, warmup_epochs }
    }
}

impl From<LossConfig> for Keys {
    fn from(loss: LossConfig) -> Self {
        let LossConfig { criterion, weight, scale_free, warmup_epochs } = loss;
        Self {
            criterion: criterion.name().to_owned(),
            on: criterion.output().to_owned(),
            weight,
            scale_free,
            warmup_epochs,
            memory: criterion.remembered(),
            options: criterion.options().clone(),
        }
    }
}
