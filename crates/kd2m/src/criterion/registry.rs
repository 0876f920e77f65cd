//! The criteria that this process knows by name: configurations, grids, reports and `kd2m list criteria` all ask here. A program that
//! adds its own calls [`register`] before anything else.

use std::sync::{LazyLock, PoisonError, RwLock};

pub use kd2m_loss::registry::{Card, NameTaken, Registry};
use kd2m_loss::{Checked, CriterionConfig, CriterionError, Entry};

/// What this crate adds to the field's methods.
const OWN: &[Entry] = &[
    #[cfg(feature = "bench")]
    crate::bench::paper::mistaken::ENTRY,
];

static KNOWN: LazyLock<RwLock<Registry>> = LazyLock::new(|| RwLock::new(Registry::with(OWN.to_vec())));

/// From now on the criterion is known by its name, in every configuration that this process reads.
///
/// # Errors
/// A name or alias that another criterion has.
pub fn register(entry: Entry) -> Result<(), NameTaken> {
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).add(entry)
}

fn known<T>(ask: impl FnOnce(&Registry) -> T) -> T {
    ask(&KNOWN.read().unwrap_or_else(PoisonError::into_inner))
}

/// All criteria: divergences first, then the field's methods, then what was registered.
pub fn cards() -> Vec<Card> {
    known(Registry::cards)
}

/// Whether a criterion reads outputs of its own choice, so that `on` says nothing of it.
pub fn chooses_outputs(name: &str) -> bool {
    known(|all| all.chooses_outputs(name))
}

/// The names of the options that a criterion reads.
pub fn options(name: &str) -> Vec<&'static str> {
    known(|all| all.options(name)).into_iter().map(|option| option.name).collect()
}

/// The weight of a method's authors, used when a configuration gives none; a divergence has none.
pub fn default_weight(name: &str) -> Option<f64> {
    known(|all| all.default_weight(name))
}

/// The criterion that a configuration names, its options read; what was found is kept in the configuration.
///
/// # Errors
/// As [`CriterionConfig::check`].
pub fn check(config: &CriterionConfig) -> Result<&Checked, CriterionError> {
    known(|all| config.check(all))
}
