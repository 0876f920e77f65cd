//! Batches of one epoch, made one worker thread ahead of the training loop.
//! The channel holds two batches and buffers come back through [`Loader::recycle`], so an epoch allocates a handful of buffers, whatever its length.
//! Read next: `fill.rs`, which does the worker's work.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use kd2m_simd::ranks::Share;

use crate::{Augment, DataError, Dataset, Part, evaluation_batches, fill::fill_into, training_batches};

/// Batches that may wait for the training loop: enough to hide an uneven step, small against a network's own buffers.
const AHEAD: usize = 2;

/// A mini-batch of n samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Augmented pixels in 0…1, `[n, c, h, w]`.
    pub images: Vec<f32>,
    /// Labels `[n]`.
    pub labels: Vec<u32>,
    /// The samples' indices in their part of the data set, `[n]`.
    pub indices: Vec<u32>,
}

impl Batch {
    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// What the worker is to make.
struct Job {
    dataset: Arc<Dataset>,
    part: Part,
    batches: Vec<Vec<u32>>,
    augment: Augment,
    /// Seed and epoch.
    draw: [u64; 2],
    share: Share,
}

/// The batches of one epoch in order, an iterator; dropping it early stops the worker. After an error (an image file that cannot be read any
/// more) there is no further batch.
#[derive(Debug)]
pub struct Loader {
    batches: Option<Receiver<Result<Batch, DataError>>>,
    spent: Sender<Batch>,
    worker: Option<JoinHandle<()>>,
    left: usize,
}

impl Loader {
    /// The training batches of `order` (see [`training_batches`]), augmented.
    ///
    /// # Errors
    /// An index that the training part lacks, or no thread to be had.
    pub fn training(
        dataset: &Arc<Dataset>,
        order: Vec<u32>,
        batch_size: usize,
        augment: &Augment,
        seed: u64,
        epoch: usize,
    ) -> Result<Self, DataError> {
        Self::training_from(dataset, order, batch_size, augment, [seed, epoch as u64], 0, Share::WHOLE)
    }

    /// The same from batch `first` on, counted from 0: how an epoch that was left is gone on with. `draw` is seed and epoch. Of several
    /// ranks each has its share of the images in their places of the batch, and anything in the others; labels and indices are all there.
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn training_from(
        dataset: &Arc<Dataset>,
        order: Vec<u32>,
        batch_size: usize,
        augment: &Augment,
        draw: [u64; 2],
        first: usize,
        share: Share,
    ) -> Result<Self, DataError> {
        dataset.check_indices(Part::Train, &order)?;
        let all = training_batches(&order, batch_size);
        let batches = all.into_iter().skip(first).map(<[u32]>::to_vec).collect();
        Self::start(Job { dataset: dataset.clone(), part: Part::Train, batches, augment: augment.clone(), draw, share })
    }

    /// The `indices` of `part` in their order, not augmented.
    ///
    /// # Errors
    /// An index that the part lacks, or no thread to be had.
    pub fn evaluation(
        dataset: &Arc<Dataset>,
        part: Part,
        indices: &[u32],
        batch_size: usize,
    ) -> Result<Self, DataError> {
        Self::evaluation_of(dataset, part, indices, batch_size, Share::WHOLE)
    }

    /// The same for one of several ranks, which has its share of the images, as [`training_from`](Self::training_from) says.
    ///
    /// # Errors
    /// As [`evaluation`](Self::evaluation).
    pub fn evaluation_of(
        dataset: &Arc<Dataset>,
        part: Part,
        indices: &[u32],
        batch_size: usize,
        share: Share,
    ) -> Result<Self, DataError> {
        dataset.check_indices(part, indices)?;
        let batches = evaluation_batches(indices, batch_size).into_iter().map(<[u32]>::to_vec).collect();
        Self::start(Job { dataset: dataset.clone(), part, batches, augment: Augment::none(), draw: [0; 2], share })
    }

    /// Gives a batch's buffers back to the worker.
    pub fn recycle(&self, batch: Batch) {
        // The worker may be done already; then the buffers are simply freed.
        let _ = self.spent.send(batch);
    }

    fn start(job: Job) -> Result<Self, DataError> {
        let left = job.batches.len();
        let (full, batches) = sync_channel(AHEAD);
        let (spent, empty) = channel();
        let worker = std::thread::Builder::new()
            .name("kd2m-loader".into())
            .spawn(move || make_batches(&job, &full, &empty))
            .map_err(|source| DataError::Thread { source })?;
        Ok(Self { batches: Some(batches), spent, worker: Some(worker), left })
    }
}

fn make_batches(job: &Job, full: &SyncSender<Result<Batch, DataError>>, empty: &Receiver<Batch>) {
    let samples = job.dataset.samples(job.part);
    for indices in &job.batches {
        let mut batch = empty.try_recv().unwrap_or_default();
        let (own, size) = (job.share.of(indices.len()), job.dataset.image_len());
        // No clear(): a recycled buffer keeps its length.
        batch.images.resize(indices.len() * size, 0.0);
        let (images, indices_of) = (&mut batch.images[own.start * size..own.end * size], &indices[own]);
        let filled = fill_into(&job.dataset, samples, indices_of, &job.augment, job.draw, images);
        batch.labels.clear();
        batch.labels.extend(indices.iter().map(|&index| samples.labels[index as usize]));
        batch.indices.clone_from(indices);
        let failed = filled.is_err();
        if full.send(filled.map(|()| batch)).is_err() || failed {
            return; // the loader was dropped, or hears of an error
        }
    }
}

impl Iterator for Loader {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.as_ref()?.recv().ok();
        if let Some(batch) = &batch {
            self.left = if batch.is_ok() { self.left - 1 } else { 0 };
        } else if let Some(worker) = self.worker.take()
            && let Err(panic) = worker.join()
        {
            // A bug in the worker must not pass for the end of the epoch.
            std::panic::resume_unwind(panic);
        }
        batch
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Loader {}

impl Drop for Loader {
    fn drop(&mut self) {
        // Hang up first: a worker that waits for room in the channel wakes up and ends.
        self.batches = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{epoch_order, fill, load};

    fn digits() -> Arc<Dataset> {
        Arc::new(load("digits", None).unwrap())
    }

    #[test]
    fn batches_equal_those_made_by_hand_with_and_without_recycling() {
        let digits = digits();
        let all: Vec<u32> = (0..digits.train.len() as u32).collect();
        let order = epoch_order(&all, 3, 1);
        for recycle in [false, true] {
            let mut loader = Loader::training(&digits, order.clone(), 100, &digits.augment, 3, 1).unwrap();
            assert_eq!(loader.len(), order.len().div_ceil(100));
            for indices in training_batches(&order, 100) {
                let batch = loader.next().unwrap().unwrap();
                let mut images = Vec::new();
                fill(&digits, &digits.train, indices, &digits.augment, 3, 1, &mut images).unwrap();
                assert_eq!((&batch.images, &batch.indices[..]), (&images, indices));
                assert!(indices.iter().zip(&batch.labels).all(|(&i, &label)| digits.train.labels[i as usize] == label));
                if recycle {
                    loader.recycle(batch);
                }
            }
            assert!(loader.next().is_none() && loader.next().is_none());
        }
    }

    #[test]
    fn an_epoch_goes_on_with_the_batch_that_comes_next() {
        let digits = digits();
        let all: Vec<u32> = (0..digits.train.len() as u32).collect();
        let from = |first| {
            let order = epoch_order(&all, 3, 1);
            let loader =
                Loader::training_from(&digits, order, 100, &digits.augment, [3, 1], first, Share::WHOLE).unwrap();
            loader.collect::<Result<Vec<Batch>, DataError>>().unwrap()
        };
        let whole = from(0);
        assert_eq!(from(4), whole[4..]);
        assert!(from(whole.len()).is_empty());
    }

    #[test]
    fn each_rank_decodes_its_rows_of_every_batch_and_no_draw_changes() {
        let digits = digits();
        let all: Vec<u32> = (0..digits.train.len() as u32).collect();
        let order = epoch_order(&all, 3, 1);
        let batches = |share| {
            let loader = Loader::training_from(&digits, order.clone(), 100, &digits.augment, [3, 1], 0, share).unwrap();
            loader.collect::<Result<Vec<Batch>, DataError>>().unwrap()
        };
        let whole = batches(Share::WHOLE);
        let ranks: Vec<Vec<Batch>> = (0..3).map(|rank| batches(Share { rank, size: 3 })).collect();
        for (number, expected) in whole.iter().enumerate() {
            let mut together = vec![f32::NAN; expected.images.len()];
            for (rank, batches) in ranks.iter().enumerate() {
                let (own, found) = (Share { rank, size: 3 }.of(expected.len()), &batches[number]);
                assert_eq!((&found.labels, &found.indices), (&expected.labels, &expected.indices));
                let pixels = own.start * 64..own.end * 64;
                together[pixels.clone()].copy_from_slice(&found.images[pixels.clone()]);
                // Buffers were not recycled here: what is not one's own was never written.
                let others = found.images[..pixels.start].iter().chain(&found.images[pixels.end..]);
                assert!(others.copied().all(|pixel| pixel == 0.0));
            }
            assert_eq!(together, expected.images);
        }
    }

    #[test]
    fn evaluation_keeps_the_order_and_every_sample() {
        let digits = digits();
        let all: Vec<u32> = (0..digits.test.len() as u32).collect();
        let loader = Loader::evaluation(&digits, Part::Test, &all, 50).unwrap();
        let batches = loader.collect::<Result<Vec<Batch>, DataError>>().unwrap();
        assert_eq!(batches.iter().flat_map(|batch| batch.indices.clone()).collect::<Vec<_>>(), all);
        assert_eq!(batches.iter().flat_map(|batch| batch.labels.clone()).collect::<Vec<_>>(), digits.test.labels);
    }

    #[test]
    fn a_loader_dropped_early_ends_its_worker() {
        let digits = digits();
        let all: Vec<u32> = (0..digits.train.len() as u32).collect();
        let mut loader = Loader::evaluation(&digits, Part::Train, &all, 1).unwrap();
        assert_eq!(loader.next().unwrap().unwrap().len(), 1);
        drop(loader);
        assert_eq!(Arc::strong_count(&digits), 1);
    }

    #[test]
    fn an_index_outside_is_an_error_before_anything_starts() {
        let digits = digits();
        let error = Loader::evaluation(&digits, Part::Test, &[0, 99_999], 8).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "sample 99999 is asked for, but digits has {} there: the indices belong to another data set",
                digits.test.len()
            )
        );
    }
}
