//! Commands that a person copies into a shell.

/// A word as a POSIX shell takes it for one.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.,:/=+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_split_or_read_is_quoted() {
        assert_eq!(
            ["w2", "", "a b", "it's", "arm.0.loss=[]"].map(quoted),
            ["w2", "''", "'a b'", r"'it'\''s'", "'arm.0.loss=[]'"]
        );
    }
}
