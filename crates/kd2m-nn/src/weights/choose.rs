//! Which of several state dicts in a file is taken: computed from what fits the network, then by whose it is called.

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

/// A network's tensors at one place of a file: the key that leads there, and what differs from the network that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub key: String,
    pub mismatch: Option<Mismatch>,
}

/// Why none is taken.
#[derive(Debug)]
pub(super) enum Failure {
    /// The asked key is not there.
    NoKey,
    /// The nearest candidate does not fit; others, which are called by another owner, do.
    Unfit { nearest: usize, mismatch: Mismatch, fits: Vec<String> },
}

/// The place of the candidate to take, and what it was chosen among.
///
/// # Errors
/// None fits; or one has the name of the owner and only others fit: those are not what was asked for.
pub(super) fn choose(
    candidates: &[Candidate],
    asked: Option<&str>,
    owner: Owner,
) -> Result<(usize, Option<Choice>), Failure> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    if let Some(asked) = asked {
        order.retain(|i| lies_under(&candidates[*i].key, asked));
    }
    // Stable: equals stay as they stand in the file.
    order.sort_by_key(|i| rank(&candidates[*i].key, owner));
    let (mut fitting, mut unfit) = (Vec::new(), Vec::new());
    for i in order {
        match &candidates[i].mismatch {
            None => fitting.push(i),
            Some(mismatch) => unfit.push((i, mismatch)),
        }
    }
    let keys = |all: &[usize]| all.iter().map(|i| candidates[*i].key.clone()).collect::<Vec<String>>();
    let named = |i: usize| owner != Owner::Any && rank(&candidates[i].key, owner).0 == 0;
    if let (Some((nearest, mismatch)), Some(first)) = (unfit.first(), fitting.first())
        && named(*nearest)
        && !named(*first)
    {
        return Err(Failure::Unfit { nearest: *nearest, mismatch: (*mismatch).clone(), fits: keys(&fitting) });
    }
    match fitting.split_first() {
        Some((first, [])) => Ok((*first, None)),
        Some((first, others)) => {
            Ok((*first, Some(Choice { key: candidates[*first].key.clone(), others: keys(others) })))
        }
        None => match unfit.into_iter().min_by_key(|(_, mismatch)| mismatch.problems.len()) {
            Some((nearest, mismatch)) => Err(Failure::Unfit { nearest, mismatch: mismatch.clone(), fits: Vec::new() }),
            None => Err(Failure::NoKey),
        },
    }
}

/// Whether a key is the one that is asked for, or lies below it.
fn lies_under(key: &str, asked: &str) -> bool {
    key.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
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

    /// Candidates that fit when their number is 3.
    fn chosen(keys: &[(&str, usize)], asked: Option<&str>, owner: Owner) -> Result<(String, Vec<String>), String> {
        let mismatch = |n: usize| (n != 3).then(|| Mismatch { problems: Vec::new() });
        let candidate = |(key, n): &(&str, usize)| Candidate { key: (*key).to_owned(), mismatch: mismatch(*n) };
        let candidates: Vec<Candidate> = keys.iter().map(candidate).collect();
        match choose(&candidates, asked, owner) {
            Ok((i, choice)) => Ok((candidates[i].key.clone(), choice.map_or(Vec::new(), |c| c.others))),
            Err(Failure::NoKey) => Err("no key".to_owned()),
            Err(Failure::Unfit { nearest, fits, .. }) => {
                Err(format!("{} unfit, {} fit", candidates[nearest].key, fits.join(" ")))
            }
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
        // A key may be named down to the network or down to what holds it.
        let deep = [("nets.teacher.backbone", 3), ("nets.student", 3)];
        for asked in ["nets.teacher", "nets.teacher.backbone"] {
            assert_eq!(chosen(&deep, Some(asked), Owner::Student), Ok(("nets.teacher.backbone".into(), vec![])));
        }
        assert_eq!(chosen(&deep, Some("nets.teach"), Owner::Any), Err("no key".into()));
    }
}
