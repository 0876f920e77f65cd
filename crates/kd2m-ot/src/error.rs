//! What can be wrong with two clouds or with what is asked of them; each message says what, where and what to do.

use thiserror::Error;

use crate::stop::Interrupted;

/// Which of the two clouds an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first cloud: in training, the student's.
    A,
    /// The second cloud: in training, the teacher's.
    B,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::A => "A",
            Side::B => "B",
        })
    }
}

/// Bad input to a divergence.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum OtError {
    #[error("{what} holds {found} values, expected {rows} × {columns}: pass a row-major slice")]
    Length { what: String, rows: usize, columns: usize, found: usize },
    #[error("{side} has no samples: at least one is needed")]
    Empty { side: Side },
    #[error("{side}: row {row}, column {column} is {value}: features must be finite")]
    NonFinite { side: Side, row: usize, column: usize, value: f64 },
    #[error(
        "{side}: row {row}, column {column} is {value:.1e}: squared distances of values beyond {limit:.0e} overflow in this precision: scale both sets down alike, or use f64"
    )]
    TooLarge { side: Side, row: usize, column: usize, value: f64, limit: f64 },
    #[error("the cost of row {row}, column {column} is {value}: costs must be finite")]
    Cost { row: usize, column: usize, value: f64 },
    #[error("A has {a} columns and B has {b}: {metric} needs equal widths ({alternatives} compares different widths)")]
    Widths { metric: String, a: usize, b: usize, alternatives: String },
    #[error("{side} has {found} sample(s), {metric} needs at least {needed}")]
    TooFewSamples { metric: String, side: Side, needed: usize, found: usize },
    #[error("{metric} compares paired samples: A has {a} rows and B has {b}, they must be equal")]
    Unpaired { metric: String, a: usize, b: usize },
    #[error("{side}: weight {row} is {value}: weights must be finite and not negative")]
    Weight { side: Side, row: usize, value: f64 },
    #[error("{side}: the weights sum to zero, nothing is left to transport")]
    WeightSum { side: Side },
    #[error("{side}: {found} weights for {expected} samples")]
    WeightCount { side: Side, expected: usize, found: usize },
    #[error("{side}: {found} labels for {expected} samples")]
    LabelCount { side: Side, expected: usize, found: usize },
    #[error("{metric} needs labels of both clouds ({side} has none)")]
    LabelsMissing { metric: String, side: Side },
    #[error("{metric}: class {class} occurs in {present} only")]
    ClassOnOneSide { metric: String, class: u32, present: Side },
    #[error("unknown metric `{name}`{}", suggestion(.nearest))]
    UnknownMetric { name: String, nearest: Vec<String> },
    #[error("{metric} has no option `{name}`{}", suggestion(.nearest))]
    UnknownOption { metric: String, name: String, nearest: Vec<String> },
    #[error("{metric}: {name} = {value}: expected {expected}")]
    BadOption { metric: String, name: String, value: String, expected: String },
    #[error("{metric}: {message}")]
    Numeric { metric: String, message: String },
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl OtError {
    /// The value of a sample of `side` that no distance can be computed from: not finite, or too large to be squared.
    pub fn unusable_value(&self, side: Side) -> Option<f64> {
        match self {
            Self::NonFinite { side: of, value, .. } | Self::TooLarge { side: of, value, .. } if *of == side => {
                Some(*value)
            }
            _ => None,
        }
    }
}

fn suggestion(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

/// Up to three of `known` that are closest to `name`, nearest first; empty when none is close. One letter wrong is always close,
/// however short the name (`w3`).
pub fn nearest_names<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let close = |score: f64, k: &str| score > 0.75 || strsim::levenshtein(name, k) == 1;
    let scored = known.into_iter().map(|k| (strsim::jaro_winkler(name, k), k));
    let mut scored: Vec<(f64, &str)> = scored.filter(|(score, k)| close(*score, k)).collect();
    scored.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(y.1)));
    scored.into_iter().take(3).map(|(_, k)| k.to_owned()).collect()
}
