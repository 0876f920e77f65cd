//! Validation splits and subsets that keep the share of each class.
//! Classes get their numbers by the largest remainder (Hamilton's method), so that the total is exact; who is drawn depends on (seed, class) alone.
//! Read next: `order.rs`, which shuffles what is left to train on.

use crate::{
    DataError,
    random::{Draws, Purpose},
};

/// Indices into a data set's training part, both ascending and disjoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What is trained on.
    pub train: Vec<u32>,
    /// What is validated on.
    pub val: Vec<u32>,
}

/// Carves a validation split from the samples with `labels`, stratified by class; the same for the same seed.
///
/// `val_fraction` is taken into 0…1 (NaN: 0); `round(val_fraction · n)` samples are validation.
pub fn split(labels: &[u32], classes: usize, val_fraction: f64, seed: u64) -> Split {
    let all: Vec<u32> = (0..labels.len() as u32).collect();
    let wanted = (val_fraction.clamp(0.0, 1.0) * labels.len() as f64).round() as usize;
    let (val, train) = draw(&all, labels, classes, wanted, Purpose::Split, seed);
    Split { train, val }
}

/// A stratified subset of `limit` of the `indices`, ascending; `labels[i]` is the label of index `i`.
///
/// All of them, in their order, where `limit` is 0 or no smaller than their number.
pub fn limit(indices: &[u32], labels: &[u32], classes: usize, limit: usize, seed: u64) -> Vec<u32> {
    if limit == 0 || limit >= indices.len() {
        return indices.to_vec();
    }
    draw(indices, labels, classes, limit, Purpose::Limit, seed).0
}

/// What is left of the `indices`, ascending, where of each class this share is kept (0…1, to the nearest whole number; all of classes that
/// `shares` does not reach). Who is kept depends on (seed, class) alone.
pub fn thin(indices: &[u32], labels: &[u32], shares: &[f64], seed: u64) -> Vec<u32> {
    let mut by_class = by_class(indices, labels, shares.len());
    let keep = |(class, members): (usize, &mut Vec<u32>)| {
        let share = shares.get(class).map_or(1.0, |share| share.clamp(0.0, 1.0));
        Draws::new(Purpose::Thin, seed, class as u64, 0).shuffle(members);
        members.truncate((share * members.len() as f64).round() as usize);
        members.clone()
    };
    let mut kept: Vec<u32> = by_class.iter_mut().enumerate().flat_map(keep).collect();
    kept.sort_unstable();
    kept
}

/// One of several equal portions of a training part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// From 1.
    pub number: usize,
    /// How many portions there are.
    pub of: usize,
}

impl Portion {
    /// All of it.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// The members of this portion among `indices`, ascending. Portions of the same seed are disjoint, together they are everything,
    /// and each has its share of every class, to one sample.
    pub fn of(self, indices: &[u32], labels: &[u32], classes: usize, seed: u64) -> Vec<u32> {
        let mut by_class = by_class(indices, labels, classes);
        let deal = |(class, members): (usize, &mut Vec<u32>)| {
            Draws::new(Purpose::Portion, seed, class as u64, 0).shuffle(members);
            // Classes begin at different portions, so that what is left over does not always fall to the first.
            let first = (self.number - 1 + self.of - class % self.of) % self.of;
            members.iter().copied().skip(first).step_by(self.of).collect::<Vec<_>>()
        };
        let mut own: Vec<u32> = by_class.iter_mut().enumerate().flat_map(deal).collect();
        own.sort_unstable();
        own
    }
}

impl std::str::FromStr for Portion {
    type Err = DataError;

    /// `1/2`: the first of two.
    fn from_str(text: &str) -> Result<Self, DataError> {
        let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) && of <= 1000 => Ok(Self { number, of }),
            _ => Err(DataError::Portion { text: text.to_owned() }),
        }
    }
}

/// The indices of each class, in their order.
fn by_class(indices: &[u32], labels: &[u32], classes: usize) -> Vec<Vec<u32>> {
    let mut by_class: Vec<Vec<u32>> = vec![Vec::new(); classes];
    for &index in indices {
        let class = labels[index as usize] as usize;
        if class >= by_class.len() {
            by_class.resize(class + 1, Vec::new());
        }
        by_class[class].push(index);
    }
    by_class
}

/// Draws `wanted` of the indices by class and returns them and the others, each ascending.
fn draw(
    indices: &[u32],
    labels: &[u32],
    classes: usize,
    wanted: usize,
    purpose: Purpose,
    seed: u64,
) -> (Vec<u32>, Vec<u32>) {
    let mut by_class = by_class(indices, labels, classes);
    let counts: Vec<usize> = by_class.iter().map(Vec::len).collect();
    let (mut drawn, mut rest) = (Vec::with_capacity(wanted), Vec::with_capacity(indices.len().saturating_sub(wanted)));
    for ((class, members), share) in by_class.iter_mut().enumerate().zip(apportion(&counts, wanted)) {
        Draws::new(purpose, seed, class as u64, 0).shuffle(members);
        drawn.extend_from_slice(&members[..share]);
        rest.extend_from_slice(&members[share..]);
    }
    drawn.sort_unstable();
    rest.sort_unstable();
    (drawn, rest)
}

/// Shares `total` seats (at most the sum of `counts`) in proportion to `counts`; ties go to the lower class.
fn apportion(counts: &[usize], total: usize) -> Vec<usize> {
    let sum = counts.iter().sum::<usize>().max(1) as u128;
    let exact: Vec<u128> = counts.iter().map(|&count| count as u128 * total as u128).collect();
    let mut shares: Vec<usize> = exact.iter().map(|&product| (product / sum) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(exact[class] % sum));
    let missing = total - shares.iter().sum::<usize>();
    for &class in &by_remainder[..missing] {
        shares[class] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hamilton_gives_the_textbook_seats() {
        // Quotas 4.71, 2.63, 1.46, 1.20 of 10: floors 4, 2, 1, 1, the two left go to remainders .71 and .63.
        assert_eq!(apportion(&[471, 263, 146, 120], 10), [5, 3, 1, 1]);
    }

    #[test]
    fn seeds_draw_differently_and_repeat() {
        let labels: Vec<u32> = (0..300).map(|i| i % 3).collect();
        assert_eq!(split(&labels, 3, 0.2, 5), split(&labels, 3, 0.2, 5));
        assert_ne!(split(&labels, 3, 0.2, 5).val, split(&labels, 3, 0.2, 6).val);
    }

    #[test]
    fn zero_and_large_limits_keep_everything_in_order() {
        let labels = [0, 1, 0, 1];
        for wanted in [0, 3, 100] {
            assert_eq!(limit(&[3, 0, 2], &labels, 2, wanted, 1), [3, 0, 2]);
        }
    }

    #[test]
    fn a_thinned_set_has_these_shares_of_each_class() {
        let labels: Vec<u32> = (0..300).map(|i| i % 3).collect();
        let all: Vec<u32> = (0..300).collect();
        let kept = thin(&all, &labels, &[0.25, 1.0], 4);
        let count = |class| kept.iter().filter(|i| labels[**i as usize] == class).count();
        assert_eq!([count(0), count(1), count(2)], [25, 100, 100]);
        assert!(kept.is_sorted() && kept == thin(&all, &labels, &[0.25, 1.0], 4));
        assert_ne!(kept, thin(&all, &labels, &[0.25, 1.0], 5));
        assert_eq!(thin(&all, &labels, &[1.0; 3], 4), all);
        assert!(thin(&all, &labels, &[0.0; 3], 4).is_empty());
        // A larger share keeps who was kept by a smaller one.
        let more = thin(&all, &labels, &[0.5, 1.0], 4);
        assert!(kept.iter().all(|i| more.contains(i)));
    }

    #[test]
    fn portions_are_read_from_text() {
        assert_eq!("2/3".parse::<Portion>().unwrap(), Portion { number: 2, of: 3 });
        for wrong in ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "1/5000"] {
            assert!(wrong.parse::<Portion>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn portions_are_disjoint_whole_and_stratified(labels in prop::collection::vec(0u32..5, 0..200), of in 1usize..6, seed: u64) {
            let all: Vec<u32> = (0..labels.len() as u32).collect();
            let portions: Vec<Vec<u32>> = (1..=of).map(|number| Portion { number, of }.of(&all, &labels, 5, seed)).collect();
            let mut together = portions.concat();
            together.sort_unstable();
            prop_assert_eq!(together, all);
            for class in 0..5 {
                let count = |p: &Vec<u32>| p.iter().filter(|i| labels[**i as usize] == class).count();
                let counts: Vec<usize> = portions.iter().map(count).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
            }
        }

        #[test]
        fn splits_are_disjoint_whole_and_stratified(labels in prop::collection::vec(0u32..7, 0..300), fraction in 0.0f64..=1.0, seed: u64) {
            let parts = split(&labels, 7, fraction, seed);
            let mut all = [parts.train.clone(), parts.val.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len() as u32).collect::<Vec<_>>());
            prop_assert_eq!(parts.val.len(), (fraction * labels.len() as f64).round() as usize);
            for class in 0..7 {
                let of_class = |indices: &[u32]| indices.iter().filter(|&&i| labels[i as usize] == class).count() as f64;
                let share = parts.val.len() as f64 * labels.iter().filter(|&&label| label == class).count() as f64 / labels.len().max(1) as f64;
                prop_assert!((of_class(&parts.val) - share).abs() < 1.0);
            }
        }

        #[test]
        fn subsets_have_the_size_asked_for(labels in prop::collection::vec(0u32..5, 1..200), wanted in 1usize..250, seed: u64) {
            let indices: Vec<u32> = (0..labels.len() as u32).step_by(2).collect();
            let subset = limit(&indices, &labels, 5, wanted, seed);
            prop_assert_eq!(subset.len(), wanted.min(indices.len()));
            prop_assert!(subset.windows(2).all(|pair| pair[0] < pair[1]) && subset.iter().all(|i| indices.contains(i)));
        }
    }
}
