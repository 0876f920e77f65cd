//! Who is taken for whom.

use serde::{Deserialize, Serialize};

/// Counts of images by class and answer; row: the image's class, column: the answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion(Vec<Vec<u64>>);

/// A class in a [`Confusion`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OfClass {
    /// Images of the class.
    pub images: u64,
    /// Those that were answered with it.
    pub right: u64,
    /// Answers with it, of whatever images.
    pub answered: u64,
}

impl OfClass {
    /// Percent of its images that are answered with it; `None` of none.
    pub fn accuracy(&self) -> Option<f64> {
        share(self.right, self.images)
    }

    /// Percent of the answers with it that are right; `None` of none.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.answered)
    }
}

/// Percent.
fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| 100.0 * part as f64 / of as f64)
}

impl Confusion {
    /// Nothing counted, of so many classes.
    pub fn new(classes: usize) -> Self {
        Self(vec![vec![0; classes]; classes])
    }

    /// One more image of a class and its answer; both below [`classes`](Self::classes).
    pub fn add(&mut self, label: usize, answer: usize) {
        self.0[label][answer] += 1;
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.0.len()
    }

    /// How many images were counted.
    pub fn images(&self) -> u64 {
        self.0.iter().flatten().sum()
    }

    /// One row a class.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.0
    }

    /// Percent of the images that are answered right; `None` of none.
    pub fn accuracy(&self) -> Option<f64> {
        share(self.0.iter().enumerate().map(|(label, row)| row[label]).sum(), self.images())
    }

    /// Every class.
    pub fn by_class(&self) -> Vec<OfClass> {
        let mut all: Vec<OfClass> = Vec::with_capacity(self.classes());
        for (label, row) in self.0.iter().enumerate() {
            let answered = self.0.iter().map(|row| row[label]).sum();
            all.push(OfClass { images: row.iter().sum(), right: row[label], answered });
        }
        all
    }

    /// Who is most often taken for whom: (images, class, answer), the most frequent first.
    pub fn most_frequent(&self, most: usize) -> Vec<(u64, usize, usize)> {
        let mut wrong: Vec<(u64, usize, usize)> = Vec::new();
        for (of, row) in self.0.iter().enumerate() {
            wrong.extend(row.iter().enumerate().filter(|(to, n)| *to != of && **n > 0).map(|(to, n)| (*n, of, to)));
        }
        wrong.sort_by_key(|(n, ..)| std::cmp::Reverse(*n));
        wrong.truncate(most);
        wrong
    }

    /// Those of several networks together; `None` of none, or where their classes differ in number.
    pub fn pooled<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut all = all.into_iter();
        let mut sum = all.next()?.clone();
        for other in all {
            if other.classes() != sum.classes() {
                return None;
            }
            sum.0.iter_mut().flatten().zip(other.0.iter().flatten()).for_each(|(to, from)| *to += from);
        }
        Some(sum)
    }
}

impl From<Vec<Vec<u64>>> for Confusion {
    fn from(rows: Vec<Vec<u64>>) -> Self {
        Self(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_a_table_made_by_hand() {
        let mut found = Confusion::new(3);
        for (label, answer) in [(0, 0), (0, 1), (1, 1), (1, 1)] {
            found.add(label, answer);
        }
        assert_eq!(
            (found.rows(), found.images(), found.accuracy()),
            ([vec![1, 1, 0], vec![0, 2, 0], vec![0; 3]].as_slice(), 4, Some(75.0))
        );
        let of: Vec<_> = found.by_class().iter().map(|c| (c.images, c.accuracy(), c.precision())).collect();
        assert_eq!(of, [(2, Some(50.0), Some(100.0)), (2, Some(100.0), Some(200.0 / 3.0)), (0, None, None)]);
        assert_eq!(found.most_frequent(5), [(1, 0, 1)]);
        let both = Confusion::pooled([&found, &found]).unwrap();
        assert_eq!((both.images(), both.rows()[1][1]), (8, 4));
        assert!(Confusion::pooled([&found, &Confusion::new(2)]).is_none() && Confusion::pooled([]).is_none());
        assert_eq!(Confusion::new(2).accuracy(), None);
    }
}
