//! What stands in a cell of a table, and how each table writes it.

use super::table::Table;
use crate::train::statistics::{plus_minus, signed};

/// A value, before a table writes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not known, not measured, or nothing to compare with.
    Nothing,
    /// Words as they are.
    Text(String),
    /// A name, and what a page says beside it.
    Name(String, String),
    /// How many.
    Count(usize),
    /// With as many digits as the place says.
    Number(f64),
    /// With its sign where people read it.
    Change(f64),
    /// Mean and deviation over seeds, of which so many are missing.
    Spread(f64, Option<f64>, usize),
    /// A difference and half of its interval.
    Interval(f64, f64),
    /// A probability of a test.
    P(f64),
    /// λ of each loss.
    Weights(Vec<f64>),
    /// Numbers side by side, one a seed.
    List(Vec<f64>),
    /// In words, coloured on a page.
    Verdict(Option<&'static str>),
}

impl Value {
    /// A number that may lack.
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Value::Nothing, Value::Number)
    }

    pub(super) fn is_there(&self) -> bool {
        *self != Value::Nothing
    }

    /// As a table writes it, with so many digits behind the point where the value leaves that open.
    pub(super) fn text(&self, table: Table, digits: usize) -> String {
        let number = |x: f64| format!("{x:.digits$}");
        match (self, table) {
            (Value::Nothing | Value::Verdict(None), _) => nothing(table),
            (Value::Number(x) | Value::Change(x), Table::Csv) if x.is_finite() => format!("{x:.6}"),
            (Value::Number(x), Table::Csv | Table::Grid) | (Value::Change(x), Table::Csv) if !x.is_finite() => {
                nothing(table)
            }
            (Value::Text(text) | Value::Name(text, _), Table::Latex) => escape(text),
            (Value::Text(text) | Value::Name(text, _), _) => text.clone(),
            (Value::Count(n), _) => n.to_string(),
            (Value::Number(x), _) => number(*x),
            (Value::Change(x), _) => signed(*x),
            (Value::Spread(mean, std, missing), _) => {
                let text = match (table, std) {
                    (Table::Latex, _) if mean.is_nan() => nothing(table),
                    (Table::Latex, Some(std)) => format!("${mean:.2} \\pm {std:.2}$"),
                    (Table::Latex, None) => format!("${mean:.2}$"),
                    _ => plus_minus(*mean, *std),
                };
                if *missing == 0 { text } else { format!("{text} ({missing} missing)") }
            }
            (Value::Interval(mean, half), Table::Latex) => format!("${} \\pm {half:.2}$", signed(*mean)),
            (Value::Interval(mean, half), _) => format!("{} ± {half:.2}", signed(*mean)),
            (Value::P(p), Table::Csv) => format!("{p:.3e}"),
            (Value::P(p), Table::Grid) => format!("{p:.4}"),
            (Value::P(p), Table::Latex) if *p < 1e-4 => "$<$ 0.0001".to_owned(),
            (Value::P(p), _) if *p < 1e-4 => "< 0.0001".to_owned(),
            (Value::P(p), _) => format!("{p:.4}"),
            (Value::Weights(weights), Table::Csv) => joined(weights, " "),
            (Value::Weights(weights), _) if weights.is_empty() => "0".to_owned(),
            (Value::Weights(weights), _) => joined(weights, " + "),
            (Value::List(values), _) => values.iter().map(|x| number(*x)).collect::<Vec<_>>().join(" "),
            (Value::Verdict(Some(verdict)), _) => (*verdict).to_owned(),
        }
    }
}

fn nothing(table: Table) -> String {
    match table {
        Table::Csv => String::new(),
        Table::Latex => "--".to_owned(),
        _ => "–".to_owned(),
    }
}

fn joined(weights: &[f64], between: &str) -> String {
    weights.iter().map(f64::to_string).collect::<Vec<_>>().join(between)
}

/// Of LaTeX's own characters those that names have.
pub fn escape(text: &str) -> String {
    text.replace('_', "\\_").replace('%', "\\%").replace('&', "\\&")
}
