//! The choice of λ and of any other key of an arm: every arm gets the same candidates, trained on seeds that are not reported and judged
//! on validation alone ([`choice`](super::choice)).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    setting::{FACTOR, Setting},
    varied,
};
use crate::{Error, config::ArmConfig, criterion::config::Value};

/// The section `[select]` of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// Multiples of the weights that stand in the file: criteria differ in scale, budgets do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<f64>,
    /// Keys of an arm, each with its values; every combination is a candidate of the arms that have the keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grid: BTreeMap<String, Vec<Value>>,
    /// Seeds of the candidates.
    pub seeds: Vec<u64>,
}

/// A candidate of an arm.
#[derive(Debug, Clone)]
pub struct Trial {
    /// What is varied.
    pub setting: Setting,
    /// The arm with it, under the candidate's name.
    pub arm: ArmConfig,
}

impl Select {
    /// The same with the keys as an arm has them: `arm.loss.0.weight` is `loss.0.weight`.
    ///
    /// # Errors
    /// A key that is there in both forms.
    pub fn of_arms(mut self) -> Result<Self, Error> {
        for (key, values) in std::mem::take(&mut self.grid) {
            let own = key.strip_prefix("arm.").unwrap_or(&key).to_owned();
            if self.grid.insert(own, values).is_some() {
                return Err(Error::Config(format!("select.grid: {key} is there twice")));
            }
        }
        Ok(self)
    }

    /// Checks ranges and sorts nothing: the order in the file is the order in tables.
    ///
    /// # Errors
    /// Empty lists, values twice, factors that are not above 0, or seeds that are reported too.
    pub fn check(&self, reported: &[u64]) -> Result<(), Error> {
        let bad = |why: &str| Err(Error::Config(format!("select.{why}")));
        if self.factors.iter().any(|f| !(*f > 0.0 && f.is_finite())) {
            return bad("factors: each a number above 0");
        }
        if self.factors.is_empty() && self.grid.is_empty() {
            return bad("factors: at least one number, or a key with its values under select.grid");
        }
        for (key, values) in &self.grid {
            let twice = values.iter().enumerate().find(|(at, value)| values[..*at].contains(value));
            match twice {
                _ if values.is_empty() => return bad(&format!("grid: {key} has no value: at least one")),
                Some((_, value)) => return bad(&format!("grid: {key} has {value} twice")),
                None => {}
            }
        }
        let weighed = |key: &&String| key.starts_with("loss.") && key.ends_with(".weight");
        if let Some(key) = self.grid.keys().find(weighed).filter(|_| !self.factors.is_empty()) {
            return bad(&format!(
                "factors: multiply all weights, among them {key} of select.grid: leave one of them out"
            ));
        }
        if self.seeds.is_empty() {
            return bad("seeds: at least one seed");
        }
        let mut seeds = self.seeds.clone();
        seeds.sort_unstable();
        if seeds.windows(2).any(|pair| pair[0] == pair[1]) {
            return bad("seeds: each seed once");
        }
        if let Some(seed) = seeds.iter().find(|seed| reported.contains(seed)) {
            return bad(&format!(
                "seeds: {seed} is in train.seeds (--seeds) too; a weight chosen on a seed must not be reported on it"
            ));
        }
        Ok(())
    }

    /// What is varied, the multiple of the weights first.
    fn axes(&self) -> impl Iterator<Item = (&str, Vec<Value>)> {
        let factors: Vec<Value> = self.factors.iter().copied().map(Value::Number).collect();
        let factor = (!factors.is_empty()).then_some((FACTOR, factors));
        factor.into_iter().chain(self.grid.iter().map(|(key, values)| (key.as_str(), values.clone())))
    }

    /// The candidates of an arm: every combination of what is varied of it; none of an arm that has none of the keys.
    ///
    /// # Errors
    /// A value that its key cannot have.
    pub fn trials(&self, arm: &ArmConfig) -> Result<Vec<Trial>, Error> {
        let keys = varied::keys_of(arm);
        let concerns = |key: &str| match key {
            FACTOR => !arm.losses.is_empty(),
            key => keys.iter().any(|own| own == key),
        };
        let mut settings = Vec::new();
        for (key, values) in self.axes().filter(|(key, _)| concerns(key)) {
            let before = if settings.is_empty() { vec![Setting::default()] } else { settings };
            settings = before.iter().flat_map(|one| values.iter().map(|value| one.with(key, value))).collect();
        }
        settings.into_iter().map(|setting| Ok(Trial { arm: setting.of(arm)?, setting })).collect()
    }

    /// The multiple of the weights is all that is varied.
    pub fn is_of_weights_alone(&self) -> bool {
        self.grid.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(text: &str) -> Select {
        toml::from_str::<Select>(text).unwrap().of_arms().unwrap()
    }

    fn names(select: &Select, arm: &ArmConfig) -> Vec<String> {
        select.trials(arm).unwrap().into_iter().map(|trial| trial.arm.name).collect()
    }

    #[test]
    fn every_combination_of_an_arm_s_keys_is_a_candidate() {
        let select = select(
            "seeds = [101]\n[grid]\n\"arm.loss.1.weight\" = [0.1, 1]\n\"optim.lr\" = [0.01, 0.05]\n\"loss.0.temperature\" = [4]",
        );
        assert!(select.check(&[1]).is_ok());
        let sum = names(&select, &ArmConfig::single("hinton+w2", Some(1.0.into())));
        assert_eq!(sum.len(), 4);
        assert_eq!(sum[1], "hinton+w2-loss.0.temperature_4-loss.1.weight_0.1-optim.lr_0.05");
        // w2 has neither a temperature nor a second loss, λ = 0 a rate alone.
        assert_eq!(names(&select, &ArmConfig::single("w2", None)), ["w2-optim.lr_0.01", "w2-optim.lr_0.05"]);
        assert_eq!(names(&select, &ArmConfig::none()), ["none-optim.lr_0.01", "none-optim.lr_0.05"]);
    }

    #[test]
    fn factors_are_such_a_key() {
        let plain = select("factors = [0.1, 1]\nseeds = [1]");
        assert_eq!(names(&plain, &ArmConfig::single("w2", None)), ["w2-x0.1", "w2-x1"]);
        assert!(plain.trials(&ArmConfig::none()).unwrap().is_empty());
        let both = select("factors = [0.1, 1]\nseeds = [1]\ngrid = { \"optim.momentum\" = [0, 0.9] }");
        let found = both.trials(&ArmConfig::single("w2", Some(2.0.into()))).unwrap();
        assert_eq!(found[1].arm.name, "w2-x0.1-optim.momentum_0.9");
        assert_eq!(found[1].arm.losses[0].weight, Some(0.2.into()));
    }

    #[test]
    fn what_cannot_be_chosen_from_is_refused() {
        let fails = |text: &str| select(text).check(&[1]).unwrap_err().to_string();
        assert!(fails("seeds = [2]").contains("select.factors: at least one number"));
        assert!(fails("seeds = [2]\ngrid = { \"optim.lr\" = [] }").contains("optim.lr has no value"));
        assert!(fails("seeds = [2]\ngrid = { \"optim.lr\" = [0.1, 0.1] }").contains("optim.lr has 0.1 twice"));
        assert!(
            fails("seeds = [2]\nfactors = [1]\ngrid = { \"loss.0.weight\" = [1] }").contains("leave one of them out")
        );
        let twice = toml::from_str::<Select>("seeds = [1]\ngrid = { \"arm.ce_weight\" = [1], ce_weight = [2] }");
        assert!(twice.unwrap().of_arms().unwrap_err().to_string().contains("ce_weight is there twice"));
        let arms = [&ArmConfig::none(), &ArmConfig::single("hinton", None)];
        let unknown = |key: &str| varied::check([key.to_owned()].iter(), &arms).unwrap_err().to_string();
        assert!(
            unknown("loss.0.temprature").contains("did you mean loss.0.temperature"),
            "{}",
            unknown("loss.0.temprature")
        );
        let batches = unknown("train.batch_size");
        assert!(batches.starts_with("select.grid varies train.batch_size, which no arm of the grid has"), "{batches}");
        assert!(unknown("zzz").contains("the keys of its arms are balance, ce_weight"), "{}", unknown("zzz"));
    }
}
