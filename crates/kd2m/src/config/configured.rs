//! The configuration as one of its arms trains by it.

use super::{ArmConfig, Config, OptimConfig, overrides::explained};
use crate::Error;

impl ArmConfig {
    /// The configuration as this arm trains by it.
    ///
    /// # Errors
    /// Keys under `optim` that there are none of, or values of another kind.
    pub fn configured(&self, config: &Config) -> Result<Config, Error> {
        let mut own = config.clone();
        own.optim = self.optimizer(&config.optim)?;
        own.student.head = self.head.unwrap_or(own.student.head);
        Ok(own)
    }

    /// The optimizer of a run as this arm has it.
    fn optimizer(&self, of_run: &OptimConfig) -> Result<OptimConfig, Error> {
        let wrong = |why: String| Error::ArmKey { arm: self.name.clone(), why };
        if self.schedule.is_some() && self.optim.contains_key("schedule") {
            return Err(wrong("schedule and optim.schedule are the same key: leave one of them out".to_owned()));
        }
        let mut keys = toml::Table::try_from(of_run)?;
        for (key, value) in &self.optim {
            keys.insert(key.clone(), toml::Value::try_from(value)?);
        }
        let own = toml::Value::Table(keys).try_into();
        let own: OptimConfig = own.map_err(|why| wrong(format!("optim: {}", explained(&why))))?;
        Ok(OptimConfig { schedule: self.schedule.unwrap_or(own.schedule), ..own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ScheduleKind, Source};

    fn resolved(sets: &[&str]) -> Result<Config, String> {
        let mut source = Source::demo().unwrap();
        sets.iter().try_for_each(|set| source.set(set)).and_then(|()| source.resolve()).map_err(|why| why.to_string())
    }

    #[test]
    fn an_arm_has_keys_of_the_optimizer_of_its_own() {
        let config = resolved(&["optim.momentum=0.5", "arm.0.optim.lr=0.25", "arm.0.optim.schedule=constant"]).unwrap();
        let own = config.arms[0].configured(&config).unwrap().optim;
        assert_eq!((own.lr, own.momentum, own.schedule), (0.25, 0.5, ScheduleKind::Constant));
        assert_eq!(config.arms[1].configured(&config).unwrap(), config);
        let again = Source::parse("again", &config.to_toml().unwrap()).unwrap().resolve().unwrap();
        assert_eq!(again, config);
        for (sets, words) in [
            (&["arm.0.optim.lrr=1"][..], "arm w2: optim: unknown field `lrr`; did you mean lr?"),
            (&["arm.0.optim.lr=fast"], "arm w2: optim: lr: invalid type"),
            (&["arm.0.optim.lr=-1"], "arm w2: optim.lr is -1: above 0"),
            (&["arm.0.optim.schedule=cosine", "arm.0.schedule=constant"], "are the same key: leave one of them out"),
        ] {
            let why = resolved(sets).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
