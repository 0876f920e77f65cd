//! The keys of a configuration as data: names, defaults and meanings are read off the types of [`Config`] and what stands beside
//! their fields. `kd2m list keys` prints them, and the same as a JSON Schema for editors.

use schemars::{Schema, schema_for};
use serde_json::Value;

use super::Config;

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Dotted, as `--set` takes it; the keys of a list of tables without their index.
    pub name: String,
    /// What holds when it is left out, as TOML writes it; `None` where it is needed, or where its meaning says what holds.
    pub default: Option<String>,
    /// What it does, its unit, its choices; in Markdown.
    pub meaning: String,
}

/// The JSON Schema of a configuration.
pub fn schema() -> Value {
    schema_for!(Config).to_value()
}

/// The sections as a file has them; the keys of each are in the order of the alphabet.
const SECTIONS: [&str; 7] = ["name", "data", "teacher", "student", "train", "optim", "arm"];

/// All keys, section by section.
pub fn keys() -> Vec<Key> {
    let schema = schema_for!(Config);
    let mut found = Vec::new();
    walk(schema.as_value(), &schema, "", &mut found);
    let place = |key: &Key| {
        let section = key.name.split('.').next().unwrap_or_default();
        let at = SECTIONS.iter().position(|s| *s == section).unwrap_or(SECTIONS.len());
        // What an arm says of itself stands before what its losses say.
        (at, key.name.matches('.').count())
    };
    found.sort_by_key(place);
    found
}

/// Adds the keys of one table, and of the tables in it.
fn walk(table: &Value, root: &Schema, prefix: &str, found: &mut Vec<Key>) {
    for (name, property) in table["properties"].as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        match inner(property, root) {
            Some(table) => walk(table, root, &format!("{name}."), found),
            None => found.push(Key {
                default: property.get("default").and_then(written),
                meaning: one_line(property["description"].as_str().unwrap_or_default()),
                name,
            }),
        }
    }
}

/// The table that a property is, or a list of which it is.
fn inner<'s>(property: &'s Value, root: &'s Schema) -> Option<&'s Value> {
    // One table or a list of such.
    let property = property["anyOf"].get(0).unwrap_or(property);
    let element = if property["type"] == "array" { &property["items"] } else { property };
    let referred = match element["$ref"].as_str() {
        Some(path) => root.as_value().pointer(path.trim_start_matches('#'))?,
        None => element,
    };
    referred.get("properties").is_some().then_some(referred)
}

/// A default as TOML writes it. Null stands for a key that may lack.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        other => toml::Value::try_from(other).ok().map(|value| value.to_string()),
    }
}

/// Markdown wraps lines as it likes, a table's cell does not.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        let all = keys();
        all.iter().find(|key| key.name == name).unwrap_or_else(|| panic!("{name} is not among {all:#?}")).clone()
    }

    #[test]
    fn every_key_says_what_it_means() {
        for key in keys() {
            assert!(key.meaning.len() > 3 && key.meaning.ends_with('.'), "{key:?}");
        }
    }

    #[test]
    fn defaults_are_those_that_a_run_has() {
        use crate::config::{OptimConfig, TrainConfig};
        assert_eq!(key("train.batch_size").default.unwrap(), TrainConfig::default().batch_size.to_string());
        assert_eq!(key("optim.min_lr").default.unwrap(), OptimConfig::default().min_lr.to_string());
        assert_eq!(key("train.seeds").default.unwrap(), "[1, 2, 3]");
        assert_eq!(key("arm.loss.on").default.unwrap(), "\"features\"");
        assert_eq!(key("data.dataset").default, None);
    }

    /// What is written of a resolved configuration is a key of the list: none is forgotten.
    #[test]
    fn the_keys_of_a_run_are_all_there() {
        fn paths(value: &toml::Value, prefix: &str, found: &mut Vec<String>) {
            match value {
                toml::Value::Table(table) => {
                    for (name, value) in table {
                        paths(value, &format!("{prefix}{name}."), found);
                    }
                }
                toml::Value::Array(items) if items.iter().all(toml::Value::is_table) && !items.is_empty() => {
                    items.iter().for_each(|item| paths(item, prefix, found));
                }
                _ => found.push(prefix.trim_end_matches('.').to_owned()),
            }
        }
        let config = crate::config::Source::demo().unwrap().resolve().unwrap();
        let mut found = Vec::new();
        paths(&toml::Value::try_from(&config).unwrap(), "", &mut found);
        assert!(found.len() > 30);
        found.iter().for_each(|name| _ = key(name));
    }
}
