//! Batches where few images are labelled: each begins with labelled ones, and the rest are drawn from those without a label.
//! The order depends on (seed, epoch) alone, as that of `order.rs`.

use crate::random::{Draws, Purpose};

/// How labelled and unlabelled images are mixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mixture {
    /// Indices of images whose labels may be used.
    pub labelled: Vec<u32>,
    /// Indices of the others.
    pub unlabelled: Vec<u32>,
    /// Images of a batch, the first `labelled_in_batch` of which have a label.
    pub batch_size: usize,
    /// How many of a batch have a label.
    pub labelled_in_batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
}

impl Mixture {
    /// `share` (0…1) of each batch of `batch_size` is labelled, or all labelled images where these are fewer; at least one is, and one
    /// is not. An epoch has `images` images, rounded up to whole batches; 0: as many as there are.
    pub fn new(labelled: Vec<u32>, unlabelled: Vec<u32>, batch_size: usize, share: f64, images: usize) -> Self {
        let wanted = (share.clamp(0.0, 1.0) * batch_size as f64).round() as usize;
        let labelled_in_batch = wanted.min(labelled.len()).clamp(1, batch_size.saturating_sub(1).max(1));
        let images = if images == 0 { labelled.len() + unlabelled.len() } else { images };
        let batches = images.div_ceil(batch_size.max(1)).max(1);
        Self { labelled, unlabelled, batch_size, labelled_in_batch, batches }
    }

    /// The images of an epoch, batch after batch. Within an epoch each of the two kinds is used up before one of it comes again.
    pub fn order(&self, seed: u64, epoch: usize) -> Vec<u32> {
        let unlabelled_in_batch = self.batch_size - self.labelled_in_batch;
        let first = cycles(&self.labelled, self.batches * self.labelled_in_batch, seed, epoch, 1);
        let second = cycles(&self.unlabelled, self.batches * unlabelled_in_batch, seed, epoch, 2);
        let batches = first.chunks(self.labelled_in_batch).zip(second.chunks(unlabelled_in_batch));
        batches.flat_map(|(with, without)| with.iter().chain(without).copied()).collect()
    }
}

/// `wanted` of the indices: permutation after permutation.
fn cycles(indices: &[u32], wanted: usize, seed: u64, epoch: usize, kind: u64) -> Vec<u32> {
    let mut drawn = Vec::with_capacity(wanted + indices.len());
    let mut draws = Draws::new(Purpose::Mixture, seed, epoch as u64, kind);
    while drawn.len() < wanted && !indices.is_empty() {
        let start = drawn.len();
        drawn.extend_from_slice(indices);
        draws.shuffle(&mut drawn[start..]);
    }
    drawn.truncate(wanted);
    drawn
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_share_is_kept_as_far_as_there_are_labels() {
        let in_batch = |labels: u32, size, share| {
            Mixture::new((0..labels).collect(), (100..900).collect(), size, share, 0).labelled_in_batch
        };
        assert_eq!(in_batch(40, 128, 0.5), 40);
        assert_eq!(in_batch(90, 128, 0.5), 64);
        assert_eq!(in_batch(90, 10, 0.0), 1);
        assert_eq!(in_batch(90, 10, 1.0), 9);
        assert_eq!(Mixture::new((0..90).collect(), (100..900).collect(), 10, 0.5, 0).batches, 89);
        assert_eq!(Mixture::new((0..90).collect(), (100..900).collect(), 10, 0.5, 101).batches, 11);
    }

    proptest! {
        #[test]
        fn batches_begin_with_labelled_images_and_use_all_evenly(
            labels in 2u32..60, others in 2u32..200, size in 2usize..40, share in 0.0f64..1.0, seed: u64, epoch in 0usize..9,
        ) {
            let mixture = Mixture::new((0..labels).collect(), (1000..1000 + others).collect(), size, share, 0);
            let order = mixture.order(seed, epoch);
            prop_assert_eq!(order.len(), mixture.batches * size);
            prop_assert_eq!(&order, &mixture.order(seed, epoch));
            for batch in order.chunks(size) {
                let (with, without) = batch.split_at(mixture.labelled_in_batch);
                prop_assert!(with.iter().all(|i| *i < labels) && without.iter().all(|i| *i >= 1000));
            }
            for kind in [0..labels, 1000..1000 + others] {
                let uses: Vec<usize> = kind.map(|i| order.iter().filter(|j| **j == i).count()).collect();
                prop_assert!(uses.iter().max().unwrap() - uses.iter().min().unwrap() <= 1);
            }
        }
    }
}
