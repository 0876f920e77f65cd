//! Options of a divergence as `key = value` text, from a command line or a configuration file, read with types and checked names.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use crate::error::{OtError, nearest_names};

/// One option that a divergence understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// What is written before the `=`.
    pub name: &'static str,
    /// The default as text, for help pages.
    pub default: &'static str,
    /// What it does, its unit, its choices.
    pub help: &'static str,
}

/// Unchecked options; a divergence's `build` reads each through a typed getter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    metric: String,
    values: BTreeMap<String, String>,
}

impl Options {
    /// Options for a metric, which error messages will name.
    pub fn new(metric: &str) -> Self {
        Self { metric: metric.to_owned(), values: BTreeMap::new() }
    }

    /// Sets one option, replacing an earlier value.
    pub fn set(mut self, name: &str, value: impl Display) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }

    /// The metric these options are for.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Names and values as given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Removes an option and returns its text: for wrappers that read their own before passing the rest on.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    /// Fails on a name that is not among `known`.
    ///
    /// # Errors
    /// [`OtError::UnknownOption`] with the nearest names.
    pub fn check_names(&self, known: &[OptionSpec]) -> Result<(), OtError> {
        match self.values.keys().find(|k| !known.iter().any(|o| o.name == k.as_str())) {
            None => Ok(()),
            Some(name) => Err(OtError::UnknownOption {
                metric: self.metric.clone(),
                name: name.clone(),
                nearest: nearest_names(name, known.iter().map(|o| o.name)),
            }),
        }
    }

    /// The text of an option, if given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// An option parsed as `V` and accepted by `valid`, or `default` when not given.
    ///
    /// # Errors
    /// [`OtError::BadOption`] that states what was `expected`.
    pub fn parsed<V: FromStr>(
        &self,
        name: &str,
        default: V,
        expected: &str,
        valid: impl Fn(&V) -> bool,
    ) -> Result<V, OtError> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().ok().filter(valid).ok_or_else(|| self.bad(name, text, expected)),
        }
    }

    /// One of a few words; the first is the default.
    ///
    /// # Errors
    /// [`OtError::BadOption`] that lists the words.
    pub fn choice<'c>(&self, name: &str, words: &[&'c str]) -> Result<&'c str, OtError> {
        match self.text(name) {
            None => Ok(words[0]),
            Some(text) => {
                words.iter().find(|w| **w == text).copied().ok_or_else(|| self.bad(name, text, &words.join(" | ")))
            }
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    pub fn flag(&self, name: &str) -> Result<bool, OtError> {
        self.parsed(name, false, "true or false", |_| true)
    }

    /// The error for an option whose value does not fit.
    pub fn bad(&self, name: &str, value: &str, expected: &str) -> OtError {
        OtError::BadOption {
            metric: self.metric.clone(),
            name: name.to_owned(),
            value: value.to_owned(),
            expected: expected.to_owned(),
        }
    }
}
