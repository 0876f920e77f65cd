//! What protocol 0 writes as lines of text.

use super::Value;

/// Bytes as text; what is no UTF-8 is replaced.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A whole number, with Python 2's `L` at its end or without.
pub(super) fn integer(line: &[u8]) -> Result<Value, String> {
    let text = lossy(line);
    let digits = text.trim().trim_end_matches('L');
    match digits.parse() {
        Ok(number) => Ok(Value::Int(number)),
        Err(_) if digits.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()) && digits.len() > 1 => {
            Ok(Value::object("whole number of more than 128 bits"))
        }
        Err(_) => Err(format!("`{text}` is no whole number")),
    }
}

pub(super) fn float(line: &[u8]) -> Result<Value, String> {
    let text = lossy(line);
    text.trim().parse().map(Value::Float).map_err(|_| format!("`{text}` is no number"))
}

/// A number of the memo.
pub(super) fn key(line: &[u8]) -> Result<u64, String> {
    let text = lossy(line);
    text.trim().parse().map_err(|_| format!("`{text}` is no number of the memo"))
}

/// The text of `'…'` or `"…"`, as Python's `repr` writes it.
pub(super) fn quoted(line: &[u8]) -> Result<String, String> {
    let text = lossy(line);
    let inner = ['\'', '"'].iter().find_map(|q| text.trim().strip_prefix(*q)?.strip_suffix(*q));
    inner.map(unescape).ok_or_else(|| format!("{text} is no quoted text"))
}

/// The text of a line in Python's raw-unicode-escape.
pub(super) fn unescaped(line: &[u8]) -> String {
    // Bytes above 127 stand for the characters of these numbers.
    unescape(&line.iter().map(|b| char::from(*b)).collect::<String>())
}

fn unescape(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut following = rest.chars();
        let digits = match following.next() {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(short) => {
                match short {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    '\\' | '\'' | '"' => out.push(short),
                    other => out.extend(['\\', other]),
                }
                rest = following.as_str();
                continue;
            }
            None => {
                out.push('\\');
                break;
            }
        };
        let number = rest.get(1..=digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match number.and_then(char::from_u32) {
            Some(character) => {
                out.push(character);
                rest = &rest[1 + digits..];
            }
            None => out.push('\\'),
        }
    }
    out + rest
}
