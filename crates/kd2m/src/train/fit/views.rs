//! What all networks that are trained together are shown: the same images in the same order, changed in the same way.

use std::sync::Arc;

use kd2m_data::{Augment, Batch, Dataset, Loader, Mix, Mixed, Mixture, Part, epoch_order, training_batches};

use crate::{
    Error,
    ranks::Share,
    teacher::View,
    train::{checkpoint::Course, evaluate::Split, halt::Halt},
};

/// Images, order and draws: functions of the seed, whatever the network.
pub struct Views<'a> {
    pub dataset: &'a Arc<Dataset>,
    /// Samples of the training part to learn from.
    pub train: &'a [u32],
    /// How batches are mixed of these and of unlabelled samples, where there are such.
    pub mixture: Option<&'a Mixture>,
    /// Samples of the training part to validate on.
    pub val: &'a [u32],
    pub augment: &'a Augment,
    /// How the images of a batch are mixed after that.
    pub mix: Mix,
    pub epochs: usize,
    pub batch_size: usize,
    /// Batches of a step.
    pub accumulate: usize,
    pub seed: u64,
    /// Ends the training between two steps.
    pub halt: Halt,
    /// Which rows of a batch the networks of this process run.
    pub share: Share,
}

impl Views<'_> {
    /// Images of an epoch.
    pub fn images(&self) -> usize {
        self.mixture.map_or(self.train.len(), |mixture| mixture.batches * mixture.batch_size)
    }

    /// Batches of an epoch.
    pub fn batches(&self) -> usize {
        self.mixture.map_or_else(|| training_batches(self.train, self.batch_size).len(), |mixture| mixture.batches)
    }

    /// How many images of a batch of n have a label; they come first.
    pub fn labelled(&self, n: usize) -> usize {
        self.mixture.map_or(n, |mixture| mixture.labelled_in_batch)
    }

    pub fn course(&self) -> Course {
        Course { epochs: self.epochs, batches: self.batches(), accumulate: self.accumulate }
    }

    /// Whether a step ends with this batch of so many, counted from 0.
    pub fn ends_step(&self, number: usize, batches: usize) -> bool {
        (number + 1).is_multiple_of(self.accumulate) || number + 1 == batches
    }

    /// Batches of the step that this one of so many belongs to.
    pub fn of_step(&self, number: usize, batches: usize) -> usize {
        self.accumulate.min(batches - number / self.accumulate * self.accumulate)
    }

    /// Whether a training image looks the same every time.
    pub fn view(&self) -> View {
        View { part: Part::Train, fixed: self.augment.is_none() && self.mix.is_none() }
    }

    /// The batches of an epoch from this one on, both counted from 0.
    pub fn loader(&self, epoch: usize, first: usize) -> Result<Loader, Error> {
        let order = match self.mixture {
            Some(mixture) => mixture.order(self.seed, epoch),
            None => epoch_order(self.train, self.seed, epoch),
        };
        let (size, augment, draw) = (self.batch_size, self.augment, [self.seed, epoch as u64]);
        // A mixture is made of any two images of a batch.
        let share = if self.mix.is_none() { self.share } else { Share::WHOLE };
        Ok(Loader::training_from(self.dataset, order, size, augment, draw, first, share)?)
    }

    /// Mixes the images of a batch of an epoch, both counted from 0.
    pub fn mix(&self, batch: &mut Batch, epoch: usize, number: usize) -> Option<Mixed> {
        let size = [self.dataset.height, self.dataset.width];
        self.mix.apply(batch, size, [self.seed, epoch as u64, number as u64])
    }

    /// What is validated on.
    pub fn validation(&self) -> Split<'_> {
        Split {
            dataset: self.dataset,
            part: Part::Train,
            indices: self.val,
            batch_size: self.batch_size,
            halt: &self.halt,
            projecting: None,
            share: self.share,
        }
    }
}
