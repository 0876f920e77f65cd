//! Which of several state dicts in a file is taken: computed from what fits the network, then by whose it is called.

use std::collections::BTreeMap;

use super::check::Mismatch;

/// Whose weights are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A state dict called `teacher` goes first, one called `student` last.
    Teacher,
    /// The other way round.
    Student,
    /// No name is better than another.
    Any,
}

/// What was taken out of several that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Key of the state dict; empty: the root of the file.
    pub key: String,
    /// Keys of the others that fit too.
    pub others: Vec<String>,
}

/// A state dict that might be meant: its key, and its shapes by name or why they cannot be read.
pub(super) type Candidate = (String, Result<BTreeMap<String, Vec<usize>>, String>);

/// Why none is taken.
pub(super) enum Failure {
    /// The asked key is not there.
    NoKey,
    /// The nearest candidate cannot be read.
    Broken(String),
    /// The nearest candidate does not fit; others, which are called by another owner, do.
    Unfit { key: String, mismatch: Mismatch, fits: Vec<String> },
}

/// The place of the candidate to take, and what it was chosen among.
///
/// # Errors
/// None fits; or one has the name of the owner and only others fit: those are not what was asked for.
pub(super) fn choose(
    candidates: &[Candidate],
    asked: Option<&str>,
    owner: Owner,
    fit: impl Fn(&BTreeMap<String, Vec<usize>>) -> Result<(), Mismatch>,
) -> Result<(usize, Option<Choice>), Failure> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    if let Some(key) = asked {
        order.retain(|i| candidates[*i].0 == key);
    }
    // Stable: equals stay as they stand in the file.
    order.sort_by_key(|i| rank(&candidates[*i].0, owner));
    let (mut fitting, mut unfit, mut broken) = (Vec::new(), Vec::new(), None);
    for i in order {
        let (key, shapes) = &candidates[i];
        match shapes.as_ref().map(&fit) {
            Ok(Ok(())) => fitting.push(i),
            Ok(Err(mismatch)) => unfit.push((key, mismatch)),
            Err(reason) => broken = broken.or(Some(reason)),
        }
    }
    let keys = |all: &[usize]| all.iter().map(|i| candidates[*i].0.clone()).collect::<Vec<String>>();
    let named = |key: &str| owner != Owner::Any && rank(key, owner).0 == 0;
    if let (Some((key, mismatch)), Some(first)) = (unfit.first(), fitting.first())
        && named(key)
        && !named(&candidates[*first].0)
    {
        return Err(Failure::Unfit { key: (*key).clone(), mismatch: mismatch.clone(), fits: keys(&fitting) });
    }
    match (fitting.split_first(), broken) {
        (Some((first, [])), _) => Ok((*first, None)),
        (Some((first, others)), _) => {
            Ok((*first, Some(Choice { key: candidates[*first].0.clone(), others: keys(others) })))
        }
        (None, Some(reason)) if unfit.is_empty() => Err(Failure::Broken(reason.clone())),
        (None, _) => match unfit.into_iter().min_by_key(|(_, mismatch)| mismatch.problems.len()) {
            Some((key, mismatch)) => Err(Failure::Unfit { key: key.clone(), mismatch, fits: Vec::new() }),
            None => Err(Failure::NoKey),
        },
    }
}

/// Smaller is better: by owner, plain before averaged.
pub(super) fn rank(key: &str, owner: Owner) -> (u8, bool) {
    let key = key.to_lowercase();
    let words: Vec<&str> = key.split(|c: char| !c.is_alphanumeric()).collect();
    let called = |name: &str| words.contains(&name);
    let (own, other) = match owner {
        Owner::Teacher => ("teacher", "student"),
        Owner::Student => ("student", "teacher"),
        Owner::Any => ("", ""),
    };
    let by_owner = match () {
        () if owner == Owner::Any => 1,
        () if called(own) => 0,
        () if called(other) => 2,
        () => 1,
    };
    (by_owner, ["ema", "swa", "averaged", "average", "avg"].into_iter().any(called))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Candidates that fit when their one tensor has 3 numbers.
    fn chosen(keys: &[(&str, usize)], asked: Option<&str>, owner: Owner) -> Result<(String, Vec<String>), String> {
        let candidates: Vec<Candidate> =
            keys.iter().map(|(key, n)| ((*key).to_owned(), Ok(BTreeMap::from([("w".to_owned(), vec![*n])])))).collect();
        let fit = |shapes: &BTreeMap<String, Vec<usize>>| {
            if shapes["w"] == [3] { Ok(()) } else { Err(Mismatch { problems: Vec::new() }) }
        };
        match choose(&candidates, asked, owner, fit) {
            Ok((i, choice)) => Ok((candidates[i].0.clone(), choice.map_or(Vec::new(), |c| c.others))),
            Err(Failure::NoKey) => Err("no key".to_owned()),
            Err(Failure::Broken(reason)) => Err(reason),
            Err(Failure::Unfit { key, fits, .. }) => Err(format!("{key} unfit, {} fit", fits.join(" "))),
        }
    }

    #[test]
    fn the_role_decides_then_plain_before_averaged_then_the_file() {
        let both = [("student", 3), ("teacher_ema", 3), ("teacher", 3)];
        let others = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect::<Vec<_>>();
        assert_eq!(chosen(&both, None, Owner::Teacher), Ok(("teacher".into(), others(&["teacher_ema", "student"]))));
        assert_eq!(chosen(&both, None, Owner::Student), Ok(("student".into(), others(&["teacher", "teacher_ema"]))));
        assert_eq!(chosen(&both, Some("teacher_ema"), Owner::Teacher), Ok(("teacher_ema".into(), vec![])));
        let averaged = [("state_dict_ema", 3), ("state_dict", 3)];
        for owner in [Owner::Teacher, Owner::Student, Owner::Any] {
            assert_eq!(chosen(&averaged, None, owner), Ok(("state_dict".into(), others(&["state_dict_ema"]))));
        }
        // Only one fits: nothing was chosen among several.
        assert_eq!(chosen(&[("a", 1), ("model_ema", 3)], None, Owner::Teacher), Ok(("model_ema".into(), vec![])));
        // `schema` is no average.
        assert_eq!(chosen(&[("schema", 3), ("z", 3)], None, Owner::Any).unwrap().0, "schema");
    }

    #[test]
    fn what_has_the_role_s_name_and_does_not_fit_is_not_replaced_by_another() {
        let file = [("teacher", 5), ("student", 3)];
        assert_eq!(chosen(&file, None, Owner::Teacher), Err("teacher unfit, student fit".into()));
        assert_eq!(chosen(&file, Some("student"), Owner::Teacher), Ok(("student".into(), vec![])));
        assert_eq!(chosen(&file, None, Owner::Student), Ok(("student".into(), vec![])));
        assert_eq!(chosen(&file, Some("nothing"), Owner::Any), Err("no key".into()));
    }
}
