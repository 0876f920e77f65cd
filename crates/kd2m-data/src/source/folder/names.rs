//! Names of classes: what to say of one that train/ lacks, and how to list many.

/// Why a class of test/ cannot be used, with what is probably meant.
pub(super) fn unknown(name: &str, known: &[String]) -> String {
    let alike = |same: &dyn Fn(&str) -> bool| known.iter().find(|known| same(known));
    if let Some(meant) = alike(&|known| same_but_for_form(known, name)) {
        return format!(
            "is a class that train/ lacks: its `{meant}` looks the same but is spelled in another Unicode form ({}, not {}), rename one",
            codes(meant),
            codes(name)
        );
    }
    match alike(&|known| known.to_lowercase() == name.to_lowercase()) {
        Some(meant) => format!("is a class that train/ lacks: there it is written `{meant}`, rename one"),
        None => "is a class that train/ lacks: a network cannot have learned it".to_owned(),
    }
}

/// Up to five names.
pub(super) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// Whether two spellings differ only in that one has a letter with its marks as one character and the other as several: NFC, as
/// Linux and Windows write names, and NFD, as old macOS volumes do. Told by shape, without tables: a hint, not a comparison.
fn same_but_for_form(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(|name| name.chars().collect::<Vec<char>>());
    let marks = |name: &[char], at: usize| name[at + 1..].iter().take_while(|c| is_mark(**c)).count();
    let (mut i, mut j, mut differ) = (0, 0, false);
    while i < a.len() && j < b.len() {
        let (marks_a, marks_b) = (marks(&a, i), marks(&b, j));
        if marks_a == marks_b {
            if a[i..=i + marks_a] != b[j..=j + marks_b] {
                return false;
            }
        } else {
            let composed = if marks_a < marks_b { a[i] } else { b[j] };
            if composed.is_ascii() {
                return false;
            }
            differ = true;
        }
        (i, j) = (i + 1 + marks_a, j + 1 + marks_b);
    }
    differ && i == a.len() && j == b.len()
}

/// Combining diacritics, the voicing marks of kana, the vowels and final consonants of Hangul.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}' | '\u{1160}'..='\u{11ff}')
}

/// `U+0065 U+0301`, of the characters beyond ASCII with what they stand behind.
fn codes(name: &str) -> String {
    let all: Vec<char> = name.chars().collect();
    let beyond = |i: usize| !all[i].is_ascii() || all.get(i + 1).is_some_and(|next| is_mark(*next));
    let shown: Vec<String> =
        (0..all.len()).filter(|i| beyond(*i)).map(|i| format!("U+{:04X}", u32::from(all[i]))).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_spellings_are_told_from_other_names() {
        for (composed, decomposed) in [
            ("caf\u{e9}", "cafe\u{301}"),
            ("\u{d55c}", "\u{1112}\u{1161}\u{11ab}"),
            ("\u{304c}", "\u{304b}\u{3099}"),
            ("\u{c5}ngstr\u{f6}m", "A\u{30a}ngstro\u{308}m"),
        ] {
            assert!(same_but_for_form(composed, decomposed) && same_but_for_form(decomposed, composed), "{composed}");
        }
        for (a, b) in [
            ("cafe", "caf\u{e9}"),
            ("cafe", "cafe\u{301}"),
            ("a", "b"),
            ("caf\u{e9}", "caf\u{e9}"),
            ("\u{e9}", "\u{e8}"),
            ("x", ""),
        ] {
            assert!(!same_but_for_form(a, b) && !same_but_for_form(b, a), "{a} {b}");
        }
    }

    #[test]
    fn what_is_probably_meant_is_said() {
        let known = ["caf\u{e9}".to_owned(), "Dog".to_owned()];
        let said = unknown("cafe\u{301}", &known);
        assert!(said.contains("another Unicode form (U+00E9, not U+0065 U+0301)"), "{said}");
        assert!(unknown("dog", &known).ends_with("there it is written `Dog`, rename one"));
        assert!(unknown("cat", &known).ends_with("a network cannot have learned it"));
        assert_eq!(list(&["a", "b"]), "a, b");
        assert_eq!(list(&["a"; 7]), "a, a, a, a, a and 2 more");
    }
}
