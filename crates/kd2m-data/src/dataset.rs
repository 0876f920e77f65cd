//! A data set: 8-bit images and labels of its training and test part, and what a run needs to know of it.
//! Pixels stay bytes until a batch is made: CIFAR-10 takes 184 MB, as floats it would take 737 MB.
//! Read next: `registry.rs` (how one is found by name), then `fill.rs` (how bytes become a batch).

use sha2::{Digest, Sha256};

use crate::statistics::Counts;
use crate::{Augment, DataError, Samples, Seen, Split, samples::Raw, split};

/// A part of a data set: validation is carved from the training part by [`split`](crate::split).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is trained on, before validation is carved from it.
    Train,
    /// What is only measured on.
    Test,
}

/// A data set: its labels, and its images in memory or in files.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The name that it was loaded by.
    pub name: String,
    /// Channels of an image.
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// How many classes there are; labels lie below.
    pub classes: usize,
    /// One name a class.
    pub class_names: Vec<String>,
    /// Mean of each channel over the training part, of pixels in 0…1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel over the training part, of pixels in 0…1; 1 where a channel is constant.
    pub std: Vec<f32>,
    /// A pixel in 0…1 is its byte times this: 1/255, for digits 1/16.
    pub scale: f32,
    /// The augmentation that training on this data set usually takes.
    pub augment: Augment,
    /// The share of the training part that usually becomes the validation split.
    pub val_fraction: f64,
    /// The training part, validation included.
    pub train: Samples,
    /// How many images at the end of the training part have no label; theirs says nothing.
    pub unlabelled: usize,
    /// Places in the training part of the images that the data set itself sets apart for validation, ascending; empty: it sets none apart.
    pub validation: Vec<u32>,
    /// The test part.
    pub test: Samples,
    /// Who made the data and under which terms.
    pub credit: &'static str,
    /// What a person should know of the files before using them, a sentence each: what was not read, classes without images.
    pub notes: Vec<String>,
    /// Of a folder of images: SHA-256 of the sorted list of its files' paths, sizes and times.
    pub listing: Option<String>,
}

/// What a reader knows of a data set; [`Description::with`] adds the samples and measures the rest.
pub(crate) struct Description {
    pub name: String,
    pub shape: [usize; 3],
    pub class_names: Vec<String>,
    pub scale: f32,
    pub augment: Augment,
    pub val_fraction: f64,
    pub credit: &'static str,
}

impl Description {
    /// Of images that were read whole.
    pub(crate) fn with(self, train: Raw, test: Raw) -> Dataset {
        let [channels, height, width] = self.shape;
        let mut counts = Counts::new(channels);
        counts.add(&train.pixels, height * width);
        let moments = counts.moments(self.scale);
        self.measured(moments, train.into(), test.into())
    }

    /// Of training images with this mean and deviation of each channel.
    pub(crate) fn measured(self, (mean, std): (Vec<f32>, Vec<f32>), train: Samples, test: Samples) -> Dataset {
        let [channels, height, width] = self.shape;
        Dataset {
            name: self.name,
            channels,
            height,
            width,
            classes: self.class_names.len(),
            class_names: self.class_names,
            mean,
            std,
            scale: self.scale,
            augment: self.augment,
            val_fraction: self.val_fraction,
            train,
            unlabelled: 0,
            validation: Vec::new(),
            test,
            credit: self.credit,
            notes: Vec::new(),
            listing: None,
        }
    }
}

impl Dataset {
    /// The same with what a person should know of its files.
    pub(crate) fn noting(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }

    /// The same with the last `count` images of the training part set apart for validation.
    pub(crate) fn validating(self, count: usize) -> Self {
        let all = self.train.len() as u32;
        Self { validation: (all - count as u32..all).collect(), ..self }
    }

    /// What is trained and what is validated on: the data set's own validation images where it has some and no share is asked for, else
    /// [`split`](crate::split()) by this share, or by [`val_fraction`](Self::val_fraction).
    pub fn split(&self, share: Option<f64>, seed: u64) -> Split {
        if share.is_none() && !self.validation.is_empty() {
            let train = (0..self.labelled() as u32).filter(|i| self.validation.binary_search(i).is_err());
            return Split { train: train.collect(), val: self.validation.clone() };
        }
        split(&self.train.labels[..self.labelled()], self.classes, share.unwrap_or(self.val_fraction), seed)
    }

    /// How many images of the training part have a label; they come first.
    pub fn labelled(&self) -> usize {
        self.train.len() - self.unlabelled
    }

    /// The same with images without labels behind those of the training part, and what a person should know of them; `listing` is the sum of
    /// their files' list.
    pub(crate) fn with_unlabelled(mut self, samples: Samples, notes: Vec<String>, listing: &str) -> Self {
        self.unlabelled += samples.len();
        self.train = self.train.and(samples);
        self.notes.extend(notes);
        self.listing = self.listing.map(|own| hexadecimal(Sha256::new_with_prefix(own + listing)));
        self
    }

    /// The same of files with this sum of their list.
    pub(crate) fn listed(self, listing: String) -> Self {
        Self { listing: Some(listing), ..self }
    }

    /// How a data set that has changed is known: [`listing`](Self::listing) of a folder of images, else [`checksum`](Self::checksum).
    pub fn sum(&self) -> String {
        self.listing.clone().unwrap_or_else(|| self.checksum())
    }

    /// What a first look at these image files found.
    pub fn seen(&self) -> Seen {
        let size = Some([self.height, self.width]);
        Seen { channels: self.channels, size, mean: self.mean.clone(), std: self.std.clone() }
    }

    /// The number of values of one image, `channels × height × width`.
    pub fn image_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The samples of one part.
    pub fn samples(&self, part: Part) -> &Samples {
        match part {
            Part::Train => &self.train,
            Part::Test => &self.test,
        }
    }

    /// SHA-256 of everything that a network sees of the data set (shape, scale, pixels and labels of both parts), as 64 hexadecimal digits. Images
    /// that are files are known by their names, sizes and times, and by the size that they are brought to.
    pub fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        for size in [self.channels, self.height, self.width, self.classes, self.train.len(), self.test.len()] {
            hash.update((size as u64).to_le_bytes());
        }
        hash.update(self.scale.to_le_bytes());
        for samples in [&self.train, &self.test] {
            samples.identify(&mut hash);
        }
        hexadecimal(hash)
    }

    /// Checks that every index names a sample of `part`.
    pub(crate) fn check_indices(&self, part: Part, indices: &[u32]) -> Result<(), DataError> {
        let count = self.samples(part).len();
        match indices.iter().find(|&&index| index as usize >= count) {
            Some(&index) => Err(DataError::Index { dataset: self.name.clone(), index, count }),
            None => Ok(()),
        }
    }
}

/// A sum as 64 hexadecimal digits.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_sees_pixels_labels_shape_and_parts() {
        // Two images of two channels with 1×2 pixels.
        let raw = |last| Raw { pixels: vec![0, 10, 7, 7, 20, 30, 7, last], labels: vec![0, 1] };
        let dataset = |change: &dyn Fn(&mut Dataset)| {
            let description = Description {
                name: "toy".into(),
                shape: [2, 1, 2],
                class_names: vec!["a".into(), "b".into()],
                scale: 1.0 / 255.0,
                augment: Augment::none(),
                val_fraction: 0.1,
                credit: "",
            };
            let mut dataset = description.with(raw(7), Raw::default());
            change(&mut dataset);
            dataset.checksum()
        };
        let sums = [
            dataset(&|_| {}),
            dataset(&|d| d.train = raw(8).into()),
            dataset(&|d| d.train.labels[0] = 1),
            dataset(&|d| (d.height, d.width) = (2, 1)),
            dataset(&|d| d.scale = 1.0),
            dataset(&|d| std::mem::swap(&mut d.train, &mut d.test)),
        ];
        assert!(sums[0].len() == 64 && sums[0] == dataset(&|d| d.name = "renamed".into()));
        for (i, sum) in sums.iter().enumerate() {
            assert!(!sums[..i].contains(sum));
        }
    }
}
