//! A data set in memory: 8-bit images and labels of its training and test part, and what a run needs to know of it.
//! Pixels stay bytes until a batch is made: CIFAR-10 takes 184 MB, as floats it would take 737 MB.
//! Read next: `registry.rs` (how one is found by name), then `fill.rs` (how bytes become a batch).

use sha2::{Digest, Sha256};

use crate::{Augment, DataError, Split, split};

/// Images and labels of one part of a data set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// Pixels `[n, c, h, w]`.
    pub pixels: Vec<u8>,
    /// Labels `[n]`, each below the number of classes.
    pub labels: Vec<u32>,
}

impl Samples {
    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Puts those of another part behind these.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.pixels.append(&mut other.pixels);
        self.labels.append(&mut other.labels);
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels `[c, h, w]` of sample `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.pixels.len() / self.len();
        &self.pixels[index * size..(index + 1) * size]
    }
}

/// A part of a data set: validation is carved from the training part by [`split`](crate::split).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is trained on, before validation is carved from it.
    Train,
    /// What is only measured on.
    Test,
}

/// A data set in memory.
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
    pub(crate) fn with(self, train: Samples, test: Samples) -> Dataset {
        let [channels, height, width] = self.shape;
        let (mean, std) = channel_statistics(&train, channels, height * width, self.scale);
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
            let train = (0..self.train.len() as u32).filter(|i| self.validation.binary_search(i).is_err());
            return Split { train: train.collect(), val: self.validation.clone() };
        }
        split(&self.train.labels, self.classes, share.unwrap_or(self.val_fraction), seed)
    }

    /// The same of files with this sum of their list.
    pub(crate) fn listed(self, listing: String) -> Self {
        Self { listing: Some(listing), ..self }
    }

    /// How a data set that has changed is known: [`listing`](Self::listing) of a folder of images, else [`checksum`](Self::checksum).
    pub fn sum(&self) -> String {
        self.listing.clone().unwrap_or_else(|| self.checksum())
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

    /// SHA-256 of everything that a network sees of the data set (shape, scale, pixels and labels of both parts), as 64 hexadecimal digits.
    pub fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        for size in [self.channels, self.height, self.width, self.classes, self.train.len(), self.test.len()] {
            hash.update((size as u64).to_le_bytes());
        }
        hash.update(self.scale.to_le_bytes());
        for samples in [&self.train, &self.test] {
            hash.update(&samples.pixels);
            for label in &samples.labels {
                hash.update(label.to_le_bytes());
            }
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

/// Mean and standard deviation (1/n) of each channel, from exact counts of the 256 pixel values.
fn channel_statistics(samples: &Samples, channels: usize, plane: usize, scale: f32) -> (Vec<f32>, Vec<f32>) {
    let mut counts = vec![[0u64; 256]; channels];
    for (index, pixels) in samples.pixels.chunks_exact(plane.max(1)).enumerate() {
        let counts = &mut counts[index % channels];
        for &pixel in pixels {
            counts[usize::from(pixel)] += 1;
        }
    }
    let moment = |counts: &[u64; 256], value: &dyn Fn(f64) -> f64| {
        let total = counts.iter().sum::<u64>().max(1) as f64;
        counts
            .iter()
            .enumerate()
            .map(|(pixel, &count)| count as f64 * value(pixel as f64 * f64::from(scale)))
            .sum::<f64>()
            / total
    };
    counts
        .iter()
        .map(|counts| {
            let mean = moment(counts, &|x| x);
            let variance = moment(counts, &|x| (x - mean).powi(2));
            (mean as f32, if variance > 0.0 { variance.sqrt() as f32 } else { 1.0 })
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_channels() -> Samples {
        // Two images of two channels with 1×2 pixels: channel 0 holds 0, 10, 20, 30, channel 1 is constant.
        Samples { pixels: vec![0, 10, 7, 7, 20, 30, 7, 7], labels: vec![0, 1] }
    }

    #[test]
    fn statistics_are_those_of_the_values() {
        let (mean, std) = channel_statistics(&two_channels(), 2, 2, 0.1);
        // Values 0, 1, 2, 3: mean 1.5, variance (2.25 + 0.25)/2 = 1.25.
        assert!((mean[0] - 1.5).abs() < 1e-6 && (std[0] - 1.25f32.sqrt()).abs() < 1e-6);
        assert!((mean[1] - 0.7).abs() < 1e-6 && std[1] == 1.0);
    }

    #[test]
    fn images_are_slices_of_the_pixels() {
        assert_eq!(two_channels().image(1), [20, 30, 7, 7]);
    }

    #[test]
    fn the_checksum_sees_pixels_labels_shape_and_parts() {
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
            let mut dataset = description.with(two_channels(), Samples::default());
            change(&mut dataset);
            dataset.checksum()
        };
        let sums = [
            dataset(&|_| {}),
            dataset(&|d| d.train.pixels[3] = 8),
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
