//! Every criterion by name: the divergences of `kd2m-ot` and the field's baselines. `kd2m list criteria` prints this table.

use kd2m_ot::{Options, divergence::registry as metrics, error::nearest_names, options::OptionSpec};

use super::{
    Criterion, CriterionError,
    baselines::{BASELINES, Baseline},
    jw2_mistaken,
    matching::{Matching, On},
};

/// What a person needs to choose a criterion.
pub struct Card {
    pub name: String,
    pub aliases: Vec<String>,
    pub formula: String,
    pub source: String,
    pub cost: String,
    pub when: String,
    /// Used when no weight is given.
    pub weight: f64,
    pub options: Vec<OptionSpec>,
}

/// All criteria: divergences first, then baselines.
pub fn cards() -> Vec<Card> {
    let matching = metrics::ENTRIES.iter().filter(|e| e.traits.trains).map(|e| Card {
        name: e.name.to_owned(),
        aliases: owned(e.aliases),
        formula: e.formula.to_owned(),
        source: e.source.to_owned(),
        cost: e.cost.to_owned(),
        when: e.when.to_owned(),
        weight: 1.0,
        options: e.options.to_vec(),
    });
    let baselines = by_authors().map(|b| Card {
        name: b.name.to_owned(),
        aliases: owned(b.aliases),
        formula: b.formula.to_owned(),
        source: b.source.to_owned(),
        cost: b.cost.to_owned(),
        when: b.when.to_owned(),
        weight: b.weight,
        options: b.options.to_vec(),
    });
    matching.chain(baselines).collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

/// Criteria that are not divergences.
fn by_authors() -> impl Iterator<Item = &'static Baseline> {
    BASELINES.iter().chain([&jw2_mistaken::ENTRY])
}

/// The baseline of a name or alias.
fn baseline(name: &str) -> Option<&'static Baseline> {
    by_authors().find(|b| b.name == name || b.aliases.contains(&name))
}

/// The weight used when a configuration gives none.
pub fn default_weight(name: &str) -> f64 {
    baseline(name).map_or(1.0, |b| b.weight)
}

/// Builds the criterion that `options.metric()` names, on these outputs.
///
/// # Errors
/// An unknown name or option (the nearest ones are named), or a value that an option does not accept.
pub fn build(options: &Options, on: &str) -> Result<Box<dyn Criterion>, CriterionError> {
    build_remembering(options, on, 0)
}

/// The same with a memory of the last `per_class` samples of each class ([`super::memory`]); 0: none.
///
/// # Errors
/// As [`build`], or a criterion that has no use for a memory.
pub fn build_remembering(options: &Options, on: &str, per_class: usize) -> Result<Box<dyn Criterion>, CriterionError> {
    let name = options.metric();
    let unused = |why| CriterionError::Unused { criterion: name.to_owned(), why };
    if let Some(found) = baseline(name) {
        options.check_names(found.options)?;
        if on != "features" {
            return Err(unused(format!("chooses its own outputs: leave `on` out (got on = \"{on}\")")));
        }
        if per_class > 0 {
            return Err(unused(format!("takes no class-wise memory: leave `memory` at 0 (got {per_class})")));
        }
        return (found.build)(options);
    }
    match metrics::resolve(name) {
        Ok((entry, _)) if entry.traits.trains => {
            Ok(Box::new(Matching::new(options, On::parse(on))?.with_memory(per_class)?))
        }
        Ok((entry, _)) => Err(CriterionError::Config(format!(
            "{} has no gradient: it is a metric of `kd2m distance`, not a criterion",
            entry.name
        ))),
        Err(_) => Err(CriterionError::Config(unknown(name))),
    }
}

fn unknown(name: &str) -> String {
    let cards = cards();
    let names = cards.iter().flat_map(|c| c.aliases.iter().chain([&c.name])).map(String::as_str);
    match nearest_names(name, names).as_slice() {
        [] => format!("unknown criterion `{name}`; `kd2m list criteria` shows all"),
        near => format!("unknown criterion `{name}`; did you mean {}?", near.join(" or ")),
    }
}
