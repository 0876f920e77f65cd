//! Every divergence by name, with what a person needs to choose one; `kd2m distance` and `kd2m list metrics` read this table.

use super::AnyDivergence;
use crate::{
    error::{OtError, nearest_names},
    options::{OptionSpec, Options},
};

/// One divergence of the table.
#[derive(Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// The value as a formula in plain text.
    pub formula: &'static str,
    /// Paper or equation it is from.
    pub source: &'static str,
    /// Time and memory in n, m and d.
    pub cost: &'static str,
    /// When to choose it.
    pub when: &'static str,
    pub options: &'static [OptionSpec],
    /// Makes the divergence from options whose names were checked.
    pub build: fn(&Options) -> Result<Box<dyn AnyDivergence>, OtError>,
}

/// All divergences, in the order in which tables show them.
pub const ENTRIES: &[Entry] = &[];

/// The entry of a name or alias.
///
/// # Errors
/// [`OtError::UnknownMetric`] with the nearest names.
pub fn find(name: &str) -> Result<&'static Entry, OtError> {
    ENTRIES.iter().find(|e| e.name == name || e.aliases.contains(&name)).ok_or_else(|| OtError::UnknownMetric {
        name: name.to_owned(),
        nearest: nearest_names(name, ENTRIES.iter().flat_map(|e| e.aliases.iter().chain([&e.name]).copied())),
    })
}

/// Builds the divergence that `options.metric()` names.
///
/// # Errors
/// An unknown metric, an unknown option or a value that an option does not accept.
pub fn build(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    let entry = find(options.metric())?;
    options.check_names(entry.options)?;
    (entry.build)(options)
}
