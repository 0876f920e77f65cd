//! Which keys a grid may vary within an arm.

use crate::{
    Error,
    config::{ArmConfig, keys},
    criterion::registry,
};
use kd2m_ot::error::nearest_names;

/// Keys of an arm that are no candidates of each other: its name, and what stands below `optim` and `loss`. Its schedule is that of
/// `optim`.
const NOT: [&str; 3] = ["name", "optim", "schedule"];
/// The criterion of a loss makes another arm.
const NOT_OF_A_LOSS: &str = "criterion";

/// The keys of an arm that a grid may vary, as `optim.lr`, `loss.0.weight`, `loss.0.temperature`. λ = 0 has those of the optimizer alone:
/// whatever else it is given, it is no longer what the others are compared with.
pub fn keys_of(arm: &ArmConfig) -> Vec<String> {
    let listed = keys::keys();
    let below = |prefix: &str| -> Vec<String> {
        let names = listed.iter().filter_map(|key| key.name.strip_prefix(prefix));
        names.filter(|name| !name.contains('.')).map(str::to_owned).collect()
    };
    let mut found: Vec<String> = below("optim.").iter().map(|name| format!("optim.{name}")).collect();
    if arm.is_none() {
        return found;
    }
    found.extend(below("arm.").into_iter().filter(|name| !NOT.contains(&name.as_str())));
    let own = below("arm.loss.");
    for (at, loss) in arm.losses.iter().enumerate() {
        let options = registry::options(loss.criterion.name());
        let names = own.iter().map(String::as_str).filter(|name| *name != NOT_OF_A_LOSS).chain(options);
        found.extend(names.map(|name| format!("loss.{at}.{name}")));
    }
    found
}

/// That every key is one of some arm.
///
/// # Errors
/// The first that is none, with those that are near, or all.
pub fn check<'a>(mut wanted: impl Iterator<Item = &'a String>, arms: &[&ArmConfig]) -> Result<(), Error> {
    let mut known: Vec<String> = arms.iter().flat_map(|arm| keys_of(arm)).collect();
    known.sort_unstable();
    known.dedup();
    let Some(key) = wanted.find(|key| !known.contains(key)) else { return Ok(()) };
    let near = nearest_names(key, known.iter().map(String::as_str));
    let hint = match near.as_slice() {
        [] => format!("the keys of its arms are {}", known.join(", ")),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    Err(Error::Key {
        key: "select.grid".to_owned(),
        why: format!("varies {key}, which no arm of the grid has; {hint}"),
    })
}
