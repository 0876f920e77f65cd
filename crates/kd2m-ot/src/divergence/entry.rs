//! What a divergence says of itself, once, in its own file: name, formula, source, cost, properties, options, constructor.
//! Next: [`super::registry`], where a person finds it by name.

use super::AnyDivergence;
use crate::{
    error::OtError,
    options::{OptionSpec, Options},
    parameters::Parameters,
};

/// One divergence of the table.
#[derive(Clone, Copy)]
pub struct Entry {
    /// What text calls it, and errors.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// The value as a formula in plain text.
    pub formula: &'static str,
    /// Paper or equation it is from.
    pub source: &'static str,
    /// Time and memory in n, m and d.
    pub cost: &'static str,
    /// When to choose it.
    pub when: &'static str,
    /// What others have to know of it.
    pub traits: Traits,
    /// What its text form takes, with defaults.
    pub options: &'static [OptionSpec],
    /// Makes the divergence from options whose names were checked.
    pub build: fn(&Options) -> Result<Box<dyn AnyDivergence>, OtError>,
}

/// Properties that decide how a divergence is called and shown: data, so that nobody asks for it by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// The value is the square of a distance in the units of the features, so that its root says something.
    pub squared: bool,
    /// Sample i of A is compared with sample i of B.
    pub paired: bool,
    /// Labels of both sides are needed in the plain form already.
    pub labels: bool,
    /// A and B may have different widths.
    pub any_widths: bool,
    /// There is a gradient to train with.
    pub trains: bool,
    /// Solved by iterations: the data decide how many, so that a small problem may take long.
    pub iterates: bool,
    /// Computed from sets that are not held, and by several processes, too.
    pub sets: bool,
    /// A long solve of sets keeps potentials to begin from another time.
    pub keeps: bool,
    /// Samples a side up to which an answer takes seconds; beyond, a person should ask for it by name. None: all that memory holds.
    pub comfortable: Option<usize>,
}

impl Traits {
    /// A value in units of its own, between clouds of equal width, with a gradient.
    pub const PLAIN: Self = Self {
        squared: false,
        paired: false,
        labels: false,
        any_widths: false,
        trains: true,
        iterates: false,
        sets: false,
        keeps: false,
        comfortable: None,
    };

    /// The same where the value is a squared distance.
    pub const SQUARED: Self = Self { squared: true, ..Self::PLAIN };
}

/// The constructor that an entry names: parameters read from text.
///
/// # Errors
/// [`OtError::BadOption`].
pub(crate) fn build<D: Parameters + AnyDivergence + 'static>(
    options: &Options,
) -> Result<Box<dyn AnyDivergence>, OtError> {
    Ok(Box::new(D::read(options)?))
}
