//! One combination of what is varied within an arm: keys of the arm with their values, and the multiple of its weights, which is a key as
//! any other.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Serialize;
use sha2::{Digest, Sha256};
use toml::Table;

use crate::{
    Error,
    config::{ArmConfig, Weight, explained, put},
    criterion::config::Value,
};

/// The key that multiplies all weights of an arm.
pub const FACTOR: &str = "factor";
/// Of a candidate's name, which is a folder's; what would be longer ends in a checksum.
const LONGEST: usize = 100;
/// Of that name before the checksum.
const HEAD: usize = 80;

/// Keys with their values; no key twice.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Setting(BTreeMap<String, Value>);

impl Setting {
    /// The same with another key.
    pub fn with(&self, key: &str, value: &Value) -> Self {
        let mut all = self.0.clone();
        all.insert(key.to_owned(), value.clone());
        Self(all)
    }

    /// What is varied, in the order of the alphabet.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of a key, where it is varied.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The multiple of the arm's weights, where that is varied.
    pub fn factor(&self) -> Option<f64> {
        self.get(FACTOR).and_then(number)
    }

    /// Nothing else is varied.
    pub fn is_factor_alone(&self) -> bool {
        self.0.len() == 1 && self.0.contains_key(FACTOR)
    }

    /// The keys of the arm as a person reads them: `loss.0.weight=0.1 optim.lr=0.05`; empty where only its weights are multiplied.
    pub fn text(&self) -> String {
        let others = self.0.iter().filter(|(key, _)| *key != FACTOR);
        others.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    /// The arm with these values, under a name of its own: `ARM-xFACTOR`, `ARM-KEY_VALUE`.
    ///
    /// # Errors
    /// A value that its key cannot have.
    pub fn of(&self, arm: &ArmConfig) -> Result<ArmConfig, Error> {
        let mut own = if self.is_factor_alone() { arm.clone() } else { self.laid_over(arm)? };
        if let Some(factor) = self.factor() {
            own = scaled(&own, factor);
        }
        own.name = self.name(&arm.name);
        Ok(own)
    }

    fn laid_over(&self, arm: &ArmConfig) -> Result<ArmConfig, Error> {
        let wrong = |why: String| Error::ArmKey { arm: arm.name.clone(), why: format!("select.grid: {why}") };
        let mut keys = Table::try_from(arm)?;
        for (key, value) in self.0.iter().filter(|(key, _)| *key != FACTOR) {
            let path: Vec<&str> = key.split('.').collect();
            put(&mut keys, &path, toml::Value::try_from(value)?).map_err(|why| wrong(format!("{key}: {why}")))?;
        }
        toml::Value::Table(keys).try_into().map_err(|why| wrong(explained(&why)))
    }

    fn name(&self, arm: &str) -> String {
        // What a value may hold and a folder's name may not.
        let plain = |c: char| if c.is_alphanumeric() || "-_.+".contains(c) { c } else { '-' };
        let part = |(key, value): (&String, &Value)| match (key.as_str(), number(value)) {
            (FACTOR, Some(factor)) => format!("-x{factor}"),
            _ => format!("-{key}_{}", value.to_string().chars().map(plain).collect::<String>()),
        };
        let name = arm.to_owned() + &self.0.iter().map(part).collect::<String>();
        if name.len() <= LONGEST {
            return name;
        }
        let sum: String = Sha256::digest(name.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let end = (0..=HEAD).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
        format!("{}-{sum}", &name[..end])
    }

    /// Smaller in the first key in which two of one arm differ, numbers by their size; words have none.
    pub fn order(&self, other: &Self) -> Ordering {
        let sizes = self.0.iter().filter_map(|(key, value)| Some((size(value)?, size(other.get(key)?)?)));
        sizes.map(|(own, other)| own.total_cmp(&other)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// The keys in which it is the smallest or the largest of these, of which one beyond might be better.
    pub fn edges<'a>(&'a self, all: &[&Self]) -> Vec<&'a str> {
        let is_edge = |key: &&str| {
            let Some(own) = self.get(key) else { return false };
            let values = || all.iter().filter_map(|setting| setting.get(key));
            // A number and a multiple of `auto` say nothing of each other.
            let sizes: Option<Vec<f64>> = values()
                .map(|value| size(value).filter(|_| number(value).is_some() == number(own).is_some()))
                .collect();
            let (Some(sizes), Some(own)) = (sizes, size(own)) else { return false };
            let (low, high) = sizes.iter().fold((own, own), |(low, high), x| (low.min(*x), high.max(*x)));
            low < high && (own == low || own == high)
        };
        self.keys().filter(is_edge).collect()
    }
}

/// The arm with all its weights multiplied.
pub fn scaled(arm: &ArmConfig, factor: f64) -> ArmConfig {
    let mut arm = arm.clone();
    for loss in &mut arm.losses {
        loss.weight = Some(loss.resolved_weight().times(factor));
    }
    arm
}

/// The number that a value is.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Whole(whole) => Some(*whole as f64),
        Value::Flag(_) | Value::Text(_) | Value::List(_) => None,
    }
}

/// How large it is: a number, or the multiple of `auto`.
fn size(value: &Value) -> Option<f64> {
    match value {
        Value::Text(text) => text.parse::<Weight>().ok().map(Weight::number),
        other => number(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(pairs: &[(&str, Value)]) -> Setting {
        pairs.iter().fold(Setting::default(), |all, (key, value)| all.with(key, value))
    }

    #[test]
    fn an_arm_gets_the_values_and_a_name_that_says_them() {
        let arm = ArmConfig::single("hinton+w2", Some(2.0.into()));
        let of = |pairs: &[(&str, Value)]| setting(pairs).of(&arm).unwrap();
        let found =
            of(&[("loss.1.weight", "auto*3".into()), ("loss.0.temperature", 8.into()), ("optim.lr", 0.05.into())]);
        assert_eq!(found.name, "hinton+w2-loss.0.temperature_8-loss.1.weight_auto-3-optim.lr_0.05");
        assert_eq!(found.losses[1].weight, Some(Weight::Auto(3.0)));
        assert_eq!(found.losses[0].weight, Some(Weight::Fixed(2.0)));
        assert_eq!(found.losses[0].criterion.options()["temperature"], Value::Whole(8));
        assert_eq!(found.optim["lr"], Value::Number(0.05));
        // As kd2m has named candidates since there are some: finished ones are found again.
        let scaled = of(&[(FACTOR, Value::Number(1.0))]);
        assert_eq!((scaled.name.as_str(), scaled.losses[0].weight), ("hinton+w2-x1", Some(Weight::Fixed(2.0))));
        let long = "w".repeat(95);
        let of_long = setting(&[("optim.lr", 0.05.into())]).of(&ArmConfig { name: long, ..arm.clone() }).unwrap();
        assert_eq!(of_long.name.len(), HEAD + 1 + 12);
        let why = setting(&[("ce_weight", "much".into())]).of(&arm).unwrap_err().to_string();
        assert!(why.starts_with("arm hinton+w2: select.grid: ce_weight: invalid type"), "{why}");
    }

    #[test]
    fn edges_are_those_of_numbers_that_differ() {
        let all: Vec<Setting> = [0.1, 1.0, 10.0]
            .iter()
            .flat_map(|weight| {
                ["sgd", "adamw"].map(|word| {
                    let weight: Value = (*weight).into();
                    setting(&[("loss.0.weight", weight), ("optim.algorithm", word.into()), ("optim.lr", 0.1.into())])
                })
            })
            .collect();
        let all: Vec<&Setting> = all.iter().collect();
        assert_eq!(all[0].edges(&all), ["loss.0.weight"]);
        assert_eq!(all[2].edges(&all), [""; 0]);
        assert_eq!(all[0].order(all[2]), Ordering::Less);
        assert_eq!(all[0].order(all[1]), Ordering::Equal);
        let mixed = [setting(&[("loss.0.weight", "auto*3".into())]), setting(&[("loss.0.weight", 0.1.into())])];
        assert!(mixed[0].edges(&[&mixed[0], &mixed[1]]).is_empty());
    }
}
