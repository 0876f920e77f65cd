//! A term beside which the labels hardly count, told once.

use crate::train::record::EpochRecord;

/// Share of the loss from which on a term is told of.
const DOMINANT: f64 = 0.9;
/// Part of the cross entropy of guessing, ln of the classes, above which it counts as not learned. Below, a criterion is most of the loss
/// because the labels are learned, and that is no fault.
const UNLEARNED: f64 = 0.5;

/// What to say after the last of these epochs of a term whose λ was given, `(name, λ)`; nothing where it was so in an epoch before.
pub(super) fn told(what: &str, history: &[EpochRecord], classes: usize, given: &[(String, f64)]) -> Option<String> {
    let (last, before) = history.split_last()?;
    let chance = (classes as f64).ln();
    let dominant = |record: &EpochRecord| {
        let of = |name: &String| record.train.terms.get(name).and_then(|term| term.share_of_loss);
        let unlearned = record.train.ce > UNLEARNED * chance;
        given.iter().find_map(|(name, weight)| {
            of(name).filter(|share| unlearned && *share > DOMINANT).map(|share| (name.clone(), *weight, share))
        })
    };
    let (name, weight, share) = dominant(last)?;
    if before.iter().any(|record| dominant(record).is_some()) {
        return None;
    }
    Some(format!(
        "{what}: {name} was {:.0} % of the loss in epoch {}, and the labels are hardly learned beside it (cross entropy {:.2}, guessing has \
         {chance:.2}): give it a smaller weight than {weight}, or weight = \"auto\"",
        100.0 * share,
        last.epoch,
        last.train.ce,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::record::{SplitRecord, TermRecord};

    fn epoch(epoch: usize, share: f64, ce: f64) -> EpochRecord {
        let term = TermRecord { share_of_loss: Some(share), ..TermRecord::default() };
        EpochRecord {
            epoch,
            train: SplitRecord { ce, terms: [("w2".to_owned(), term)].into(), ..SplitRecord::default() },
            ..crate::train::record::tests::filled()
        }
    }

    #[test]
    fn a_term_that_drowns_the_labels_is_told_of_once() {
        let given = [("w2".to_owned(), 1.0)];
        let heavy = [epoch(1, 0.97, 2.31), epoch(2, 0.98, 2.3)];
        let said = told("w2, seed 1", &heavy[..1], 10, &given).unwrap();
        assert!(
            said.starts_with("w2, seed 1: w2 was 97 % of the loss in epoch 1") && said.contains("than 1, or"),
            "{said}"
        );
        assert_eq!(told("w2, seed 1", &heavy, 10, &given), None, "again");
        assert_eq!(told("w2, seed 1", &[epoch(1, 0.85, 2.31)], 10, &given), None);
        assert_eq!(told("w2, seed 1", &[epoch(9, 0.97, 0.1)], 10, &given), None, "the labels are learned");
        assert_eq!(told("w2, seed 1", &heavy[..1], 10, &[]), None, "its weight was measured");
    }
}
