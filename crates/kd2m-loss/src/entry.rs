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

/// A number that a criterion reads: name, default and range are said once, for reading and for help pages. Made by `number!`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    pub name: &'static str,
    /// As a person writes it.
    pub text: &'static str,
    pub default: f64,
    pub range: Range,
    pub help: &'static str,
}

/// Which numbers are accepted, ends included, and what to call them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    low: f64,
    high: f64,
}

/// A weight inside a criterion: it may be 0, which leaves its part out.
pub(crate) const PART: Range = Range { low: 0.0, high: 1e6 };
/// What softens a softmax: beyond these bounds nothing of the logits is left in single precision.
pub(crate) const SOFTENING: Range = Range { low: 1e-3, high: 1e3 };
/// A number that is divided by, or that divides.
pub(crate) const ABOVE_ZERO: Range = Range { low: 1e-6, high: 1e6 };

impl Number {
    /// Its line on a help page.
    pub const fn spec(&self) -> OptionSpec {
        option(self.name, self.text, self.help)
    }

    /// Its value; the default where it is not given or is `auto`.
    ///
    /// # Errors
    /// No number, or one out of range.
    pub fn read(&self, options: &Options) -> Result<f64, OtError> {
        let Range { low, high } = self.range;
        match options.text(self.name) {
            Some("auto") => Ok(self.default),
            _ => options.parsed(self.name, self.default, &format!("a number from {low} to {high}"), |x| {
                (low..=high).contains(x)
            }),
        }
    }
}

/// A count of things that are kept or done for each, at least 1. Made by `count!`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub name: &'static str,
    /// As a person writes it.
    pub text: &'static str,
    pub default: usize,
    pub most: usize,
    pub help: &'static str,
}

impl Count {
    /// Its line on a help page.
    pub const fn spec(&self) -> OptionSpec {
        option(self.name, self.text, self.help)
    }

    /// Its value; the default where it is not given.
    ///
    /// # Errors
    /// No whole number, or one out of range.
    pub fn read(&self, options: &Options) -> Result<usize, OtError> {
        let most = self.most;
        let expected = format!("a whole number from 1 to {most}");
        options.parsed(self.name, self.default, &expected, |n| (1..=most).contains(n))
    }
}

/// `number!(name = default in RANGE, help)`.
macro_rules! number {
    ($name:ident = $default:literal in $range:expr, $help:expr) => {
        $crate::entry::Number {
            name: stringify!($name),
            text: stringify!($default),
            default: $default as f64,
            range: $range,
            help: $help,
        }
    };
}

/// `count!(name = default up to most, help)`.
macro_rules! count {
    ($name:ident = $default:literal up to $most:expr, $help:expr) => {
        $crate::entry::Count {
            name: stringify!($name),
            text: stringify!($default),
            default: $default,
            most: $most,
            help: $help,
        }
    };
}

/// `temperature!(default)`.
macro_rules! temperature {
    ($default:literal) => {
        $crate::entry::number!(
            temperature = $default in $crate::entry::SOFTENING,
            "softens both distributions; from 0.001 to 1000"
        )
    };
}

pub(crate) use {count, number, temperature};
