//! Names of classes: what to say of one that train/ lacks, and how to list many.

use std::collections::HashMap;

use unicode_normalization::{UnicodeNormalization, is_nfc, is_nfd};

/// Why a class of test/ cannot be used, with what is probably meant.
pub(super) fn unknown(name: &str, known: &[String]) -> String {
    let alike = |same: &dyn Fn(&str) -> bool| known.iter().find(|known| same(known));
    if let Some(twin) = alike(&|known| known.nfc().eq(name.nfc())) {
        return format!(
            "is spelt like a class of train/ but in another Unicode form ({} here, {} there): rename one of them to the other's",
            form(name),
            form(twin)
        );
    }
    match alike(&|known| known.to_lowercase() == name.to_lowercase()) {
        Some(meant) => format!("is a class that train/ lacks: there it is written `{meant}`, rename one"),
        None => "is a class that train/ lacks: a network cannot have learned it".to_owned(),
    }
}

/// What is wrong with two classes whose names look the same.
pub(super) fn twins(class_names: &[String]) -> Option<String> {
    let mut spelt: HashMap<String, &str> = HashMap::new();
    class_names.iter().find_map(|name| {
        let twin = spelt.insert(name.nfc().collect(), name)?;
        let forms = format!("{} and {}", form(twin), form(name));
        Some(format!("holds the class {name} twice, in two Unicode forms ({forms}): move the images into one"))
    })
}

/// The form of a name whose letters have marks, as file systems and archives write it.
fn form(name: &str) -> &'static str {
    match () {
        () if is_nfc(name) => "composed, NFC",
        () if is_nfd(name) => "decomposed, NFD",
        () => "a mixture of NFC and NFD",
    }
}

/// Up to five names.
pub(super) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_probably_meant_is_said() {
        let known = ["caf\u{e9}".to_owned(), "Dog".to_owned()];
        let said = unknown("cafe\u{301}", &known);
        assert!(said.contains("another Unicode form (decomposed, NFD here, composed, NFC there)"), "{said}");
        assert!(unknown("dog", &known).ends_with("there it is written `Dog`, rename one"));
        assert!(unknown("cat", &known).ends_with("a network cannot have learned it"));
        assert_eq!(list(&["a", "b"]), "a, b");
        assert_eq!(list(&["a"; 7]), "a, a, a, a, a and 2 more");
    }
}
