//! A list as a page of Markdown: what `docs/tables` holds.

use serde_json::Value;

use super::card::option_text;
use crate::arguments::Listed;

/// A heading, where the page is from, and a table of these columns: their titles and the keys of a row.
struct Page {
    heading: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

impl Page {
    fn of(what: Listed) -> Self {
        let (heading, columns): (_, &[_]) = match what {
            Listed::Criteria => (
                "Criteria",
                &[
                    ("criterion", "name"),
                    ("value", "formula"),
                    ("when", "when"),
                    ("cost", "cost"),
                    ("λ", "weight"),
                    ("options", "options"),
                    ("source", "source"),
                ],
            ),
            Listed::Metrics => (
                "Metrics",
                &[
                    ("metric", "name"),
                    ("value", "formula"),
                    ("when", "when"),
                    ("cost", "cost"),
                    ("options", "options"),
                    ("source", "source"),
                ],
            ),
            Listed::Models => (
                "Networks",
                &[
                    ("network", "name"),
                    ("what it is", "summary"),
                    ("images", "images"),
                    ("parameters", "parameters"),
                    ("multiply–adds", "multiply_adds"),
                    ("features", "features"),
                ],
            ),
            Listed::Datasets => (
                "Data sets",
                &[
                    ("name", "name"),
                    ("what it is", "summary"),
                    ("files below `data.root`", "files"),
                    ("credit", "credit"),
                ],
            ),
            Listed::Keys => {
                ("Keys of the configuration", &[("key", "name"), ("default", "default"), ("meaning", "meaning")])
            }
            Listed::Kernels => (
                "Kernels",
                &[
                    ("layer", "name"),
                    ("shape", "shape"),
                    ("kernel", "kernel"),
                    ("why", "why"),
                    ("multiply–adds", "multiply_adds"),
                ],
            ),
        };
        Self { heading, columns }
    }
}

/// The page of a list; `word` is what `kd2m list` calls it.
pub fn page(what: Listed, word: &str, rows: &[Value]) -> String {
    let Page { heading, columns } = Page::of(what);
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("# {heading}\n\nMade by `kd2m list {word} --markdown`.\n\n");
    out += &line(columns.iter().map(|(title, _)| (*title).to_owned()).collect());
    out += &line(columns.iter().map(|_| "---".to_owned()).collect());
    for row in rows {
        out += &line(columns.iter().map(|(_, key)| cell(key, &row[*key], row)).collect());
    }
    out
}

/// One value; names and defaults as code.
fn cell(key: &str, value: &Value, row: &Value) -> String {
    let plain = match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(option_text).collect::<Vec<_>>().join("<br>"),
        other => other.to_string(),
    };
    // A bar would end the cell.
    let escaped = plain.replace('|', "\\|").replace('*', "\\*");
    match (key, value) {
        ("default", Value::String(_)) => format!("`{plain}`"),
        ("name", _) => {
            let aliases = row["aliases"].as_array().into_iter().flatten().filter_map(Value::as_str);
            aliases.fold(format!("`{plain}`"), |all, alias| format!("{all}, `{alias}`"))
        }
        // Its meaning is Markdown already.
        ("meaning", _) => plain.replace('|', "\\|"),
        _ => escaped,
    }
}
