//! A table of TOML changed at the end of a path of keys and indices, as `arm.0.loss.0.weight`.

use toml::{Table, Value};

/// Sets the value at the end of a path of keys and indices; tables on the way are made.
///
/// # Errors
/// An index beyond its list, or a key below something that is no table, in words.
pub(crate) fn put(table: &mut Table, path: &[&str], value: Value) -> Result<(), String> {
    let (first, rest) = match path {
        [] | [""] => return Err("the key is empty".to_owned()),
        [first, rest @ ..] => (*first, rest),
    };
    if rest.is_empty() {
        table.insert(first.to_owned(), value);
        return Ok(());
    }
    match table.entry(first.to_owned()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => put(inner, rest, value),
        Value::Array(items) => {
            let count = items.len();
            let index: usize =
                rest[0].parse().map_err(|_| format!("`{first}` is a list: `{}` is no index", rest[0]))?;
            match (items.get_mut(index), &rest[1..]) {
                (None, _) => Err(format!("`{first}` has {count} entries, there is no number {index}")),
                (Some(item), []) => {
                    *item = value;
                    Ok(())
                }
                (Some(Value::Table(inner)), deeper) => put(inner, deeper, value),
                (Some(_), _) => Err(format!("`{first}.{index}` is no table")),
            }
        }
        _ => Err(format!("`{first}` is no table")),
    }
}

/// Takes away what stands at the end of a path of keys and indices, if it is there.
pub(super) fn remove(table: &mut Table, path: &[&str]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some((last, way)) = rest.split_last() else {
        table.remove(*first);
        return;
    };
    let Some(start) = table.get_mut(*first) else { return };
    let mut value = start;
    for key in way {
        let next = match value {
            Value::Table(inner) => inner.get_mut(*key),
            Value::Array(items) => key.parse().ok().and_then(|index: usize| items.get_mut(index)),
            _ => None,
        };
        let Some(next) = next else { return };
        value = next;
    }
    if let Value::Table(inner) = value {
        inner.remove(*last);
    }
}

/// Puts keys over the present ones, or with `keep` only those that are missing.
pub(super) fn merge(table: &mut Table, keys: Table, keep: bool) {
    for (key, value) in keys {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(deeper)) => merge(inner, deeper, keep),
            (Some(_), _) if keep => {}
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_taken_away_and_nothing_else() {
        let mut table: Table = "a = 1\n[[arm]]\nname = \"x\"\n[[arm.loss]]\nweight = 1".parse().unwrap();
        let before = table.clone();
        for path in [&["arm", "0", "loss", "0", "share"][..], &["b", "c"], &["d"]] {
            put(&mut table, path, Value::Integer(2)).unwrap();
            remove(&mut table, path);
        }
        assert_eq!(table.remove("b"), Some(Value::Table(Table::new())), "a table made on the way stays");
        for path in [&["arm", "7", "name"][..], &["a", "b"], &["nothing", "here"], &[]] {
            remove(&mut table, path);
        }
        assert_eq!(table, before);
    }
}
