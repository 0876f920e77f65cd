//! Images that cannot be decoded and are left out (`--skip-bad`), as people are told of them.

use std::collections::BTreeMap;

/// Images that are named where some are left out.
const NAMED: usize = 10;

/// An image that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecoded {
    /// What it is called.
    pub name: String,
    /// What it is, where its name says so, and why it cannot be decoded.
    pub kind: String,
}

/// What is said of images that are left out, counted by kind, of `all` images; nothing where there are none.
pub fn left_out(all: usize, left: &[Undecoded]) -> Option<String> {
    let mut kinds = BTreeMap::<&str, usize>::new();
    left.iter().for_each(|one| *kinds.entry(&one.kind).or_default() += 1);
    let mut kinds: Vec<(&str, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
    let named: Vec<&str> = left.iter().take(NAMED).map(|one| one.name.as_str()).collect();
    let more = left.len().saturating_sub(NAMED);
    let beyond = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!left.is_empty()).then(|| {
        format!(
            "{} of {all} images cannot be decoded and are left out ({}): {}{beyond}",
            left.len(),
            kinds.join(", "),
            named.join(", ")
        )
    })
}
