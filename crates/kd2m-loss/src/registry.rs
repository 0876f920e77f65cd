//! Every criterion by name: the divergences of `kd2m-ot`, the field's methods, and what another crate adds.
//! `kd2m list criteria` prints this table.

use std::sync::Arc;

use kd2m_ot::{Options, divergence::registry as metrics, error::nearest_names, options::OptionSpec};
use thiserror::Error;

use crate::{
    baselines::BASELINES,
    criterion::Recipe,
    entry::Entry,
    error::CriterionError,
    matching::{FEATURES, MatchingConfig, On},
};

/// What a person needs to choose a criterion.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its name in configurations and reports.
    pub name: String,
    /// Other names that find it.
    pub aliases: Vec<String>,
    /// In plain text.
    pub formula: String,
    /// Authors, year, name of the method.
    pub source: String,
    /// In n, d and classes.
    pub cost: String,
    /// When to choose it.
    pub when: String,
    /// That of the method's authors, used when none is given; none of a divergence, whose scale nobody knows before its clouds.
    pub weight: Option<f64>,
    /// The options that it reads.
    pub options: Vec<OptionSpec>,
}

/// A name that another criterion has already.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is a criterion `{name}` already: give yours another name")]
pub struct NameTaken {
    name: String,
}

/// The criteria that are known by name; [`Registry::default`] holds those of this crate.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    own: Vec<Entry>,
}

impl Registry {
    /// With criteria of another crate, whose names differ from all others: see [`add`](Self::add).
    pub fn with(own: Vec<Entry>) -> Self {
        Self { own }
    }

    /// Adds a criterion.
    ///
    /// # Errors
    /// A name or alias that another criterion has.
    pub fn add(&mut self, entry: Entry) -> Result<(), NameTaken> {
        let is_known = |name: &&&str| self.entry(name).is_some() || metrics::resolve(name).is_ok();
        match [entry.name].iter().chain(entry.aliases).find(is_known) {
            Some(name) => Err(NameTaken { name: (*name).to_owned() }),
            None => {
                self.own.push(entry);
                Ok(())
            }
        }
    }

    /// Criteria that are no divergences.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        BASELINES.iter().chain(&self.own)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries().find(|e| e.name == name || e.aliases.contains(&name))
    }

    /// The weight of a method's authors, used when a configuration gives none; a divergence has none.
    pub fn default_weight(&self, name: &str) -> Option<f64> {
        self.entry(name).map(|e| e.weight)
    }

    /// Whether the criterion reads outputs of its own choice, so that `on` says nothing of it.
    pub fn chooses_outputs(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// The options that the criterion of any name reads; none of a name that nothing has.
    pub fn options(&self, name: &str) -> Vec<OptionSpec> {
        let matching = || metrics::resolve(name).map(|(entry, form)| form.options_with(entry));
        self.entry(name).map_or_else(|| matching().unwrap_or_default(), |found| found.options.to_vec())
    }

    /// All criteria: divergences first, then the others.
    pub fn cards(&self) -> Vec<Card> {
        let matching = metrics::ENTRIES.iter().filter(|e| e.traits.trains).map(|e| Card {
            name: e.name.to_owned(),
            aliases: owned(e.aliases),
            formula: e.formula.to_owned(),
            source: e.source.to_owned(),
            cost: e.cost.to_owned(),
            when: e.when.to_owned(),
            weight: None,
            options: e.options.to_vec(),
        });
        let others = self.entries().map(|e| Card {
            name: e.name.to_owned(),
            aliases: owned(e.aliases),
            formula: e.formula.to_owned(),
            source: e.source.to_owned(),
            cost: e.cost.to_owned(),
            when: e.when.to_owned(),
            weight: Some(e.weight),
            options: e.options.to_vec(),
        });
        matching.chain(others).collect()
    }

    /// Reads and checks the options of the criterion that `options.metric()` names, on these outputs, with a memory of the last
    /// `memory` samples of each class ([`crate::memory`]); 0: none.
    ///
    /// # Errors
    /// An unknown name or option (the nearest ones are named), a value that an option does not accept, or an output or a memory
    /// that the criterion has no use for.
    pub fn recipe(&self, options: &Options, on: &str, memory: usize) -> Result<Arc<dyn Recipe>, CriterionError> {
        let name = options.metric();
        let unused = |why| CriterionError::Unused { criterion: name.to_owned(), why };
        if let Some(found) = self.entry(name) {
            options.check_names(found.options)?;
            if on != FEATURES {
                return Err(unused(format!("chooses its own outputs: leave `on` out (got on = \"{on}\")")));
            }
            if memory > 0 {
                return Err(unused(format!("takes no class-wise memory: leave `memory` at 0 (got {memory})")));
            }
            return Ok(Arc::from((found.build)(options)?));
        }
        match metrics::resolve(name) {
            Ok((entry, _)) if entry.traits.trains => {
                Ok(Arc::new(MatchingConfig::new(options, On::parse(on))?.with_memory(memory)?))
            }
            Ok((entry, _)) => Err(CriterionError::NoGradient { name: entry.name }),
            Err(_) => Err(CriterionError::Unknown { name: name.to_owned(), nearest: self.nearest(name) }),
        }
    }

    fn nearest(&self, name: &str) -> Vec<String> {
        if let Some(meant) = meant(name) {
            return vec![meant.to_owned()];
        }
        let cards = self.cards();
        nearest_names(name, cards.iter().flat_map(|c| c.aliases.iter().chain([&c.name])).map(String::as_str))
    }
}

/// What others call a criterion, spelled without regard to case and separators.
const MEANINGS: &[(&str, &str)] = &[
    ("wasserstein", "w2"),
    ("wasserstein2", "w2"),
    ("wasserstein1", "w1"),
    ("emd", "w2"),
    ("earthmover", "w2"),
    ("ot", "w2"),
    ("optimaltransport", "w2"),
    ("classwasserstein", "cw2"),
    ("slicedwasserstein", "sw2"),
    ("gromovwasserstein", "gw"),
    ("gromov", "gw"),
    ("mmd", "mmd-rbf"),
    ("kl", "hinton"),
    ("kd", "hinton"),
    ("vanillakd", "hinton"),
    ("knowledgedistillation", "hinton"),
    ("logitstandardization", "hinton-std"),
    ("l2", "mse"),
    ("euclidean", "mse"),
    ("meansquarederror", "mse"),
    ("attentiontransfer", "at"),
    ("hints", "fitnet"),
    ("cosinesimilarity", "cosine"),
    ("characteristicfunction", "cf"),
    ("entropicot", "sinkhorn"),
];

/// What a name that nothing has was likely meant for.
fn meant(name: &str) -> Option<&'static str> {
    let plain: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    MEANINGS.iter().find(|(said, _)| *said == plain).map(|(_, meant)| *meant)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{baselines::pkt, config::CriterionConfig};

    #[test]
    fn an_own_criterion_is_found_and_names_stay_unique() {
        let mut known = Registry::default();
        let own = Entry { name: "mine", aliases: &["my-own"], weight: 7.0, ..pkt::ENTRY };
        let error = CriterionConfig::new("mine").check(&known).unwrap_err().to_string();
        assert!(error.starts_with("unknown criterion `mine`; did you mean"), "{error}");
        known.add(own).unwrap();
        for name in ["mine", "my-own"] {
            assert_eq!(CriterionConfig::new(name).check(&known).unwrap().default_weight(), Some(7.0));
        }
        assert_eq!(known.cards().last().map(|card| card.name.as_str()), Some("mine"));
        for taken in ["mine", "my-own", "pkt", "kd", "w2", "class-w2", "cw2"] {
            let why = known.add(Entry { name: taken, aliases: &[], ..own }).unwrap_err().to_string();
            assert_eq!(why, format!("there is a criterion `{taken}` already: give yours another name"));
        }
        assert!(known.add(Entry { name: "other", aliases: &["hinton"], ..own }).is_err());
    }

    #[test]
    fn what_others_call_a_criterion_leads_to_it() {
        let known = Registry::default();
        for (said, meant) in MEANINGS {
            assert!(
                CriterionConfig::new(meant).check(&known).is_ok(),
                "{said} leads to {meant}, which nothing is called"
            );
        }
        for (said, meant) in
            [("Wasserstein", "w2"), ("KD", "hinton"), ("earth_mover", "w2"), ("Gromov-Wasserstein", "gw")]
        {
            let error = CriterionConfig::new(said).check(&known).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean {meant}?")), "{error}");
        }
    }

    #[test]
    fn every_name_of_the_table_is_a_criterion_with_its_default_options() {
        let known = Registry::default();
        for card in known.cards() {
            let options = card.options.iter().filter(|o| !o.default.is_empty() && !o.default.contains(' '));
            let config = options.fold(CriterionConfig::new(&card.name), |all, o| all.set(o.name, o.default));
            let plain = CriterionConfig::new(&card.name);
            assert!(plain.check(&known).is_ok(), "{}", card.name);
            assert!(config.check(&known).is_ok(), "{}: {:?}", card.name, config.check(&known).err());
        }
    }
}
