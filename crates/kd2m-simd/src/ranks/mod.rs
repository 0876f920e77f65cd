//! Processes that work on one thing together, each on its share: what they know of each other, and how they exchange what each has found.
//! There is no master: every rank asks the same at the same place and is told the same. MPI carries between processes (`kd2m::ranks::mpi`),
//! [`threads`] between threads; [`Alone`] is one process by itself. Next: [`wire`], which carries values of other types.

pub mod threads;
pub mod wire;

use std::{fmt::Debug, ops::Range};

/// One of several that do the same things in the same order. What is asked here is asked of all, at the same place of the program.
pub trait Ranks: Send + Sync + Debug {
    /// Which one this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// What all have, each its own number of values, one after another in the order of the ranks.
    fn gather(&self, own: &[f32]) -> Vec<f32>;

    /// The bytes of each, in the order of the ranks; together less than 2³¹ (more: [`wire::gather`]).
    fn gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>>;

    /// Puts in place of each value the sum of all ranks' values there: the same bits everywhere.
    fn sum(&self, values: &mut [f64]);

    /// [`sum`](Self::sum) of gradients.
    fn sum_single(&self, values: &mut [f32]);
}

/// A process by itself: all there is to gather is its own.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn gather(&self, own: &[f32]) -> Vec<f32> {
        own.to_vec()
    }

    fn gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>> {
        vec![own.to_vec()]
    }

    fn sum(&self, _: &mut [f64]) {}

    fn sum_single(&self, _: &mut [f32]) {}
}

/// The part of n rows that is a rank's.
pub fn share(n: usize, rank: usize, size: usize) -> Range<usize> {
    n * rank / size..n * (rank + 1) / size
}

/// Which part of a batch is a rank's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub rank: usize,
    /// How many ranks there are.
    pub size: usize,
}

impl Share {
    /// Of one process by itself.
    pub const WHOLE: Self = Self { rank: 0, size: 1 };

    /// The part of these ranks' that is one's own.
    pub fn new(ranks: &dyn Ranks) -> Self {
        Self { rank: ranks.rank(), size: ranks.size() }
    }

    /// Whether every rank takes all of n rows, since there is not one for each.
    pub fn is_whole(self, n: usize) -> bool {
        n < self.size
    }

    /// The rows of n that are one's own.
    pub fn of(self, n: usize) -> Range<usize> {
        if self.is_whole(n) { 0..n } else { share(n, self.rank, self.size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_rows_once_and_alike() {
        for (n, size) in [(128, 3), (5, 4), (4, 4), (7, 1), (2, 5)] {
            let shares: Vec<Range<usize>> = (0..size).map(|rank| share(n, rank, size)).collect();
            assert_eq!(shares.iter().cloned().flatten().collect::<Vec<_>>(), (0..n).collect::<Vec<_>>());
            assert!(shares.iter().all(|s| s.len() >= n / size && s.len() <= n.div_ceil(size)));
        }
    }

    #[test]
    fn a_batch_too_small_to_share_is_everyones() {
        let of = |n: usize| (0..3).map(|rank| Share { rank, size: 3 }.of(n)).collect::<Vec<_>>();
        assert_eq!(of(2), [0..2, 0..2, 0..2]);
        assert_eq!(of(7), [0..2, 2..4, 4..7]);
        assert_eq!(Share::WHOLE.of(5), 0..5);
    }
}
