//! Processes that train one network together: each runs its share of every batch, and the features of all are gathered before a criterion, so
//! that a distance sees the global batch: a distance of the union is not the mean of distances. Every rank then knows the same values and
//! takes the same step, so there is no master but for the run folder, which is rank 0's (`train/crew.rs`).
//!
//! [`crate::engine::spread`] gathers and adds up; [`mpi`] and [`threads`] carry.

#[cfg(any(feature = "mpi", feature = "mpi-pure"))]
pub mod mpi;
pub mod threads;

use std::{fmt::Debug, ops::Range};

/// One of several that do the same things in the same order. What is asked here is asked of all, at the same place of the program.
pub trait Ranks: Send + Sync + Debug {
    /// Which one this is, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// What all have, each its own number of values, one after another in the order of the ranks.
    fn gather(&self, own: &[f32]) -> Vec<f32>;

    /// The bytes of each, in the order of the ranks.
    fn gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>>;

    /// Puts in place of each value the sum of all ranks' values there: the same bits everywhere.
    fn sum(&self, values: &mut [f64]);

    /// [`sum`](Self::sum) of gradients.
    fn sum_single(&self, values: &mut [f32]);
}

/// The part of n rows that is a rank's.
pub fn share(n: usize, rank: usize, size: usize) -> Range<usize> {
    n * rank / size..n * (rank + 1) / size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_rows_once_and_alike() {
        for (n, size) in [(128, 3), (5, 4), (4, 4), (7, 1)] {
            let shares: Vec<Range<usize>> = (0..size).map(|rank| share(n, rank, size)).collect();
            assert_eq!(shares.iter().cloned().flatten().collect::<Vec<_>>(), (0..n).collect::<Vec<_>>());
            assert!(shares.iter().all(|s| s.len() >= n / size && s.len() <= n.div_ceil(size)));
        }
    }
}
