//! A row of a list as a terminal shows it.

use serde_json::Value;

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
