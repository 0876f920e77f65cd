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
#[non_exhaustive]
pub enum OtError {
    /// A slice whose length is not rows × columns.
    #[error("{what} holds {found} values, expected {rows} × {columns}: pass a row-major slice")]
    Length {
        /// What the slice is.
        what: String,
        /// Rows that were said.
        rows: usize,
        /// Columns that were said.
        columns: usize,
        /// Its length.
        found: usize,
    },
    /// No samples, or no rows or columns of costs.
    #[error("{side} has no samples: at least one is needed")]
    Empty {
        /// Of which.
        side: Side,
    },
    /// A feature that is NaN or infinite.
    #[error("{side}: row {row}, column {column} is {value}: features must be finite")]
    NonFinite {
        /// Whose.
        side: Side,
        /// Sample.
        row: usize,
        /// Feature.
        column: usize,
        /// What it is.
        value: f64,
    },
    /// A feature whose squared distances leave the range of its precision.
    #[error(
        "{side}: row {row}, column {column} is {value:.1e}: squared distances of values beyond {limit:.0e} overflow in this precision: scale both sets down alike, or use f64"
    )]
    TooLarge {
        /// Whose.
        side: Side,
        /// Sample.
        row: usize,
        /// Feature.
        column: usize,
        /// What it is.
        value: f64,
        /// What it may be at most.
        limit: f64,
    },
    /// A cost that is NaN or infinite.
    #[error("the cost of row {row}, column {column} is {value}: costs must be finite")]
    Cost {
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// What it is.
        value: f64,
    },
    /// Clouds of different widths, where that means nothing.
    #[error("A has {a} columns and B has {b}: {metric} needs equal widths ({alternatives} compares different widths)")]
    Widths {
        /// Divergence.
        metric: String,
        /// Width of A.
        a: usize,
        /// Width of B.
        b: usize,
        /// What compares them all the same.
        alternatives: String,
    },
    /// Fewer samples than the formula needs.
    #[error("{side} has {found} sample(s), {metric} needs at least {needed}")]
    TooFewSamples {
        /// Divergence.
        metric: String,
        /// Whose.
        side: Side,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// Different numbers of samples, where sample i is compared with sample i.
    #[error("{metric} compares paired samples: A has {a} rows and B has {b}, they must be equal")]
    Unpaired {
        /// Divergence.
        metric: String,
        /// Samples of A.
        a: usize,
        /// Samples of B.
        b: usize,
    },
    /// A weight that is negative, NaN or infinite.
    #[error("{side}: weight {row} is {value}: weights must be finite and not negative")]
    Weight {
        /// Whose.
        side: Side,
        /// Sample.
        row: usize,
        /// What it is.
        value: f64,
    },
    /// Weights without a sum to take shares of.
    #[error("{side}: the weights sum to zero, nothing is left to transport")]
    WeightSum {
        /// Whose.
        side: Side,
    },
    /// Another number of weights than of samples.
    #[error("{side}: {found} weights for {expected} samples")]
    WeightCount {
        /// Whose.
        side: Side,
        /// Samples.
        expected: usize,
        /// Weights.
        found: usize,
    },
    /// Another number of labels than of samples.
    #[error("{side}: {found} labels for {expected} samples")]
    LabelCount {
        /// Whose.
        side: Side,
        /// Samples.
        expected: usize,
        /// Labels.
        found: usize,
    },
    /// No labels, where they are compared.
    #[error("{metric} needs labels of both clouds ({side} has none)")]
    LabelsMissing {
        /// Divergence.
        metric: String,
        /// Whose.
        side: Side,
    },
    /// A class that only one cloud has, where that is refused.
    #[error("{metric}: class {class} occurs in {present} only")]
    ClassOnOneSide {
        /// Divergence.
        metric: String,
        /// Class.
        class: u32,
        /// Who has it.
        present: Side,
    },
    /// A name that no divergence has.
    #[error("unknown metric `{name}`{}", suggestion(.nearest))]
    UnknownMetric {
        /// The name.
        name: String,
        /// Names that are close, nearest first.
        nearest: Vec<String>,
    },
    /// A name that no option of the divergence has.
    #[error("{metric} has no option `{name}`{}", suggestion(.nearest))]
    UnknownOption {
        /// Divergence.
        metric: String,
        /// The name.
        name: String,
        /// Names that are close, nearest first.
        nearest: Vec<String>,
    },
    /// A parameter out of its range.
    #[error("{metric}: {name} = {value}: expected {expected}")]
    BadOption {
        /// Divergence.
        metric: String,
        /// Parameter.
        name: String,
        /// What was given.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Memory of a size that options or clouds ask for, which cannot be had.
    #[error("{metric}: {what} would take {size}, which cannot be had: {instead}")]
    Room {
        /// Divergence.
        metric: String,
        /// What the memory is for, with the sizes that it comes from.
        what: String,
        /// How much it is, in GB.
        size: String,
        /// The way out.
        instead: String,
    },
    /// What a formula cannot answer, and what to do.
    #[error("{metric}: {message}")]
    Numeric {
        /// Divergence.
        metric: String,
        /// Why, and what to do.
        message: String,
    },
    /// Rows of a set that could not be read.
    #[error("{side}: {why}")]
    Unreadable {
        /// Whose.
        side: Side,
        /// What its place says.
        why: String,
    },
    /// What was to be kept of a long solve could not be.
    #[error("{why}")]
    Unkept {
        /// What its place says.
        why: String,
    },
    /// Told to stop before there was an answer.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl OtError {
    /// The same of rows that lie so far down in a set.
    pub(crate) fn in_row_from(mut self, first: usize) -> Self {
        if let Self::NonFinite { row, .. } | Self::TooLarge { row, .. } = &mut self {
            *row += first;
        }
        self
    }

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
