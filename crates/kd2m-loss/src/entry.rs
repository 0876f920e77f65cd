//! How a criterion is found and described, and how its options are read: each file of [`crate::baselines`] has an [`Entry`] beside its
//! formula, and so has a criterion of another crate.

use kd2m_ot::{Options, OtError, options::OptionSpec};

use crate::{criterion::Recipe, error::CriterionError};

/// A criterion that is no divergence of `kd2m-ot`: what a person needs to choose it, and how it is built.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name in configurations and reports.
    pub name: &'static str,
    /// Other names that find it.
    pub aliases: &'static [&'static str],
    /// In plain text.
    pub formula: &'static str,
    /// Authors, year, name of the method.
    pub source: &'static str,
    /// In samples n, classes, widths and sizes of maps.
    pub cost: &'static str,
    /// When to choose it.
    pub when: &'static str,
    /// The weight of its authors, used when none is given.
    pub weight: f64,
    /// The options that it reads.
    pub options: &'static [OptionSpec],
    /// Reads and checks them.
    pub build: fn(&Options) -> Result<Box<dyn Recipe>, CriterionError>,
}

/// One option of an entry.
pub const fn option(name: &'static str, default: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec { name, default, help }
}

/// The option `temperature` with this default.
pub(crate) const fn temperature(default: &'static str) -> OptionSpec {
    option("temperature", default, "softens both distributions; from 0.001 to 1000")
}

/// A weight inside a criterion: it may be 0, which leaves its part out.
pub(crate) fn part(options: &Options, name: &str, default: f64) -> Result<f64, OtError> {
    within(options, name, default, 0.0, 1e6)
}

/// Softens softmax: beyond these bounds nothing of the logits is left in single precision.
pub(crate) fn softening(options: &Options, default: f64) -> Result<f64, OtError> {
    within(options, "temperature", default, 1e-3, 1e3)
}

/// A number that is divided by, or that divides.
pub(crate) fn above_zero(options: &Options, name: &str, default: f64) -> Result<f64, OtError> {
    within(options, name, default, 1e-6, 1e6)
}

/// A number of a range; `auto` is the default.
fn within(options: &Options, name: &str, default: f64, low: f64, high: f64) -> Result<f64, OtError> {
    match options.text(name) {
        Some("auto") => Ok(default),
        _ => options.parsed(name, default, &format!("a number from {low} to {high}"), |x| (low..=high).contains(x)),
    }
}

/// A count of things that are kept or done for each.
pub(crate) fn count(options: &Options, name: &str, default: usize, most: usize) -> Result<usize, OtError> {
    options.parsed(name, default, &format!("a whole number from 1 to {most}"), |n| (1..=most).contains(n))
}
