//! λ of a loss: a number, or `auto`, which is measured while the student trains ([`crate::objective::automatic`]).

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// λ as a person gives it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Weight {
    /// This number.
    Fixed(f64),
    /// So many times what `auto` gives, `auto*3` in text; `auto` alone is once.
    Auto(f64),
}

/// Neither a number nor `auto`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("weight = \"{0}\" is neither a number, nor \"auto\", nor a multiple of it as \"auto*3\"")]
pub struct NoWeight(String);

const AUTO: &str = "auto";

impl Weight {
    /// The same, so many times; twelve digits read as they were meant: 3 · 0.1 is 0.30000000000000004.
    pub fn times(self, factor: f64) -> Self {
        let product = |x: f64| format!("{:.11e}", x * factor).parse().unwrap_or(x * factor);
        match self {
            Weight::Fixed(x) => Weight::Fixed(product(x)),
            Weight::Auto(x) => Weight::Auto(product(x)),
        }
    }

    /// The number, or the multiple of `auto`.
    pub fn number(self) -> f64 {
        match self {
            Weight::Fixed(x) | Weight::Auto(x) => x,
        }
    }

    /// The number, where it is one.
    pub fn fixed(self) -> Option<f64> {
        match self {
            Weight::Fixed(x) => Some(x),
            Weight::Auto(_) => None,
        }
    }
}

impl From<f64> for Weight {
    fn from(number: f64) -> Self {
        Weight::Fixed(number)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weight::Fixed(x) => write!(f, "{x}"),
            Weight::Auto(1.0) => f.write_str(AUTO),
            Weight::Auto(x) => write!(f, "{AUTO}*{x}"),
        }
    }
}

impl FromStr for Weight {
    type Err = NoWeight;

    fn from_str(text: &str) -> Result<Self, NoWeight> {
        let number = |text: &str| text.trim().parse().map_err(|_| NoWeight(text.to_owned()));
        let whole = |NoWeight(_)| NoWeight(text.to_owned());
        match text.trim().strip_prefix(AUTO) {
            Some("") => Ok(Weight::Auto(1.0)),
            Some(rest) => {
                let times = rest.trim_start().strip_prefix('*').ok_or_else(|| NoWeight(text.to_owned()))?;
                number(times).map(Weight::Auto).map_err(whole)
            }
            None => number(text).map(Weight::Fixed).map_err(whole),
        }
    }
}

/// As a file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a weight is a number, \"auto\", or a multiple of it as \"auto*3\"")]
#[schemars(rename = "Weight")]
pub(super) enum Written {
    /// λ.
    Number(f64),
    /// `auto`, or a multiple of it.
    Word(String),
}

impl TryFrom<Written> for Weight {
    type Error = NoWeight;

    fn try_from(written: Written) -> Result<Self, NoWeight> {
        match written {
            Written::Number(number) => Ok(Weight::Fixed(number)),
            Written::Word(text) => text.parse(),
        }
    }
}

impl From<Weight> for Written {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Fixed(number) => Written::Number(number),
            auto => Written::Word(auto.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_words_and_multiples_are_read_as_they_are_written() {
        for (text, weight) in [
            ("0.1", Weight::Fixed(0.1)),
            ("1e-3", Weight::Fixed(1e-3)),
            ("auto", Weight::Auto(1.0)),
            ("auto*0.3", Weight::Auto(0.3)),
            ("auto * 3", Weight::Auto(3.0)),
        ] {
            assert_eq!(text.parse(), Ok(weight), "{text}");
            assert_eq!(weight.to_string().parse(), Ok(weight), "{text}");
        }
        for text in ["", "aut", "automatic", "auto3", "auto*", "auto*x", "many"] {
            let why = text.parse::<Weight>().unwrap_err().to_string();
            assert!(why.contains(&format!("\"{text}\" is neither")), "{why}");
        }
        assert_eq!(Weight::Fixed(0.1).times(3.0), Weight::Fixed(0.3));
        assert_eq!(Weight::Auto(0.1).times(3.0), Weight::Auto(0.3));
    }
}
