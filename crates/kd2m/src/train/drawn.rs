//! The images that a student learns from: which have labels, and which are shown without.

use std::collections::HashSet;

use kd2m_data::{Dataset, Mixture};

use crate::{
    Error,
    config::{Config, REST},
};

/// A student's images, places in the training part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// With their labels.
    pub train: Vec<u32>,
    /// How batches are mixed of these and of images whose labels nobody looks at, where there are such.
    pub mixture: Option<Mixture>,
}

impl Drawn {
    /// From `portion`, the images that are the students'. With `data.limit_by_seed` each seed has labels for others of them.
    ///
    /// # Errors
    /// Unlabelled images asked for where there are none.
    pub fn new(config: &Config, dataset: &Dataset, portion: &[u32], seed: u64) -> Result<Self, Error> {
        let data = &config.data;
        let draw = match data.limit_by_seed {
            // Any function that tells pairs of seeds apart: the draw hashes it.
            true => data.split_seed.wrapping_add((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            false => data.split_seed,
        };
        let train = kd2m_data::limit(portion, &dataset.train.labels, dataset.classes, data.train_limit, draw);
        let unlabelled: Vec<u32> = match data.unlabelled.as_deref() {
            None => return Ok(Self { train, mixture: None }),
            Some(REST) => {
                let labelled: HashSet<&u32> = train.iter().collect();
                portion.iter().filter(|index| !labelled.contains(index)).copied().collect()
            }
            // Those of a folder lie behind the data set's own.
            Some(_) => (dataset.labelled() as u32..dataset.train.len() as u32).collect(),
        };
        if unlabelled.is_empty() {
            let why = "is \"rest\", but every training image has a label: set data.train_limit to fewer".to_owned();
            return Err(Error::Key { key: "data.unlabelled".to_owned(), why });
        }
        let (size, share, images) = (config.train.batch_size, data.labelled_share, data.epoch_images);
        let mixture = Mixture::new(train.clone(), unlabelled, size, share, images);
        Ok(Self { train, mixture: Some(mixture) })
    }

    /// Batches of an epoch.
    pub fn batches(&self, size: usize) -> usize {
        let plain = || kd2m_data::training_batches(&self.train, size).len();
        self.mixture.as_ref().map_or_else(plain, |mixture| mixture.batches)
    }

    /// All of them, with or without labels.
    pub fn all(&self) -> impl Iterator<Item = u32> {
        let unlabelled = self.mixture.iter().flat_map(|mixture| &mixture.unlabelled);
        self.train.iter().chain(unlabelled).copied()
    }
}
