//! A row of a list as a terminal shows it: whole, or in one line.

use serde_json::Value;

/// What says most of a row, by list: when to choose it, what it is, what it means.
const GIST: [&str; 3] = ["when", "summary", "meaning"];

/// A name and the sentence that says most of it, aligned; `None` where rows have no such sentence.
pub fn lines(rows: &[Value]) -> Option<String> {
    let name = |row: &Value| row["name"].as_str().unwrap_or_default().to_owned();
    let widest = rows.iter().map(|row| name(row).chars().count()).max()?;
    let line = |row: &Value| {
        let gist = GIST.iter().find_map(|key| row[*key].as_str())?;
        Some(format!("{:<widest$}  {gist}\n", name(row)))
    };
    rows.iter().map(line).collect()
}

/// A name, then its facts below each other.
pub fn card(row: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(option_text).collect::<Vec<_>>().join("\n                 "),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut out = format!("{}\n", row["name"].as_str().unwrap_or_default());
    for (key, value) in row.as_object().into_iter().flatten().filter(|(key, _)| *key != "name") {
        let value = text(value);
        if !value.is_empty() {
            out += &format!("  {key:<15}{value}\n");
        }
    }
    out
}

/// An option of a divergence or criterion; other texts as they are.
pub fn option_text(item: &Value) -> String {
    match item {
        Value::String(text) => text.clone(),
        item => {
            let part = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            format!("{}={}: {}", part("name"), part("default"), part("help"))
        }
    }
}
