//! The order of an epoch and how it is cut into mini-batches.
//! The order depends on (seed, epoch) alone, so all arms of a seed see the same batches and a resumed run goes on as if never stopped.
//! Read next: `loader.rs`, which turns batches of indices into batches of pixels.

use crate::random::{Draws, Purpose};

/// A permutation of `indices` that is a function of (seed, epoch).
pub fn epoch_order(indices: &[u32], seed: u64, epoch: usize) -> Vec<u32> {
    let mut order = indices.to_vec();
    Draws::new(Purpose::Order, seed, epoch as u64, 0).shuffle(&mut order);
    order
}

/// Cuts `order` into training batches of `batch_size` (0 counts as 1).
///
/// A last batch of one sample joins the one before, because variances (batch norm, Gaussian criteria) need two; not where `batch_size` itself is 1.
pub fn training_batches(order: &[u32], batch_size: usize) -> Vec<&[u32]> {
    let mut batches: Vec<&[u32]> = evaluation_batches(order, batch_size);
    if batch_size > 1 && batches.len() > 1 && batches.last().is_some_and(|last| last.len() == 1) {
        batches.truncate(batches.len() - 2);
        batches.push(&order[batches.len() * batch_size..]);
    }
    batches
}

/// Cuts `order` into batches of `batch_size` (0 counts as 1), the last as long as what is left.
pub fn evaluation_batches(order: &[u32], batch_size: usize) -> Vec<&[u32]> {
    order.chunks(batch_size.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_order_is_this_permutation_forever() {
        // From `tests/epoch_order.py`, a second implementation: the values must not change with a dependency's version, or resumed runs would diverge.
        let indices: Vec<u32> = (0..10).collect();
        assert_eq!(epoch_order(&indices, 1, 0), STORED);
        assert_ne!(epoch_order(&indices, 1, 1), STORED);
        assert_ne!(epoch_order(&indices, 2, 0), STORED);
    }
    const STORED: [u32; 10] = [1, 2, 5, 8, 7, 3, 4, 9, 6, 0];

    #[test]
    fn a_last_batch_of_one_joins_the_one_before() {
        let order: Vec<u32> = (0..9).collect();
        let lengths = |size| training_batches(&order, size).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(lengths(4), [4, 5]);
        assert_eq!(lengths(8), [9]);
        assert_eq!(lengths(2), [2, 2, 2, 3]);
        assert_eq!(lengths(7), [7, 2]);
        assert_eq!(lengths(1), [1; 9]);
        assert_eq!(training_batches(&order[..1], 4), [&order[..1]]);
        assert!(training_batches(&[], 4).is_empty());
    }

    proptest! {
        #[test]
        fn batches_hold_the_order_once(n in 0u32..200, size in 0usize..40, seed: u64, epoch in 0usize..100) {
            let indices: Vec<u32> = (0..n).map(|i| i * 3).collect();
            let order = epoch_order(&indices, seed, epoch);
            prop_assert_eq!(training_batches(&order, size).concat(), order.clone());
            let mut sorted = order;
            sorted.sort_unstable();
            prop_assert_eq!(sorted, indices);
        }
    }
}
