//! Labels of one part of a data set and the images that they belong to. Whoever wants pixels asks [`Samples::image`], which may fail
//! where an image is a file.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::{DataError, Interpolation, Region, region::resized, stream::Files};

/// Images and labels of one part of a data set.
#[derive(Debug, Clone)]
pub struct Samples {
    images: Images,
    /// Labels `[n]`, each below the number of classes.
    pub labels: Vec<u32>,
}

/// Where pixels are.
#[derive(Debug, Clone)]
enum Images {
    /// All in memory, `[n, c, h, w]`.
    Memory(Vec<u8>),
    /// In files, which are decoded when they are asked for.
    Files(Files),
}

impl Samples {
    /// Pixels `[n, c, h, w]` in memory and labels `[n]`.
    pub fn new(pixels: Vec<u8>, labels: Vec<u32>) -> Self {
        Self { images: Images::Memory(pixels), labels }
    }

    /// Image files and their labels `[n]`.
    pub(crate) fn of_files(files: Files, labels: Vec<u32>) -> Self {
        Self { images: Images::Files(files), labels }
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels `[c, h, w]` of sample `index`.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        match &self.images {
            Images::Memory(pixels) => {
                let size = pixels.len() / self.len();
                Ok(Cow::Borrowed(&pixels[index * size..(index + 1) * size]))
            }
            Images::Files(files) => files.image(index),
        }
    }

    /// A part of sample `index`, chosen by height and width, brought to the shape `[c, h, w]` of all: of a file a part of the original picture,
    /// else of the image.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    ///
    /// # Panics
    /// As [`image`](Self::image).
    pub(crate) fn part(
        &self,
        index: usize,
        [_, height, width]: [usize; 3],
        interpolation: Interpolation,
        mut choose: impl FnMut([usize; 2]) -> Region,
    ) -> Result<Cow<'_, [u8]>, DataError> {
        match &self.images {
            Images::Memory(_) => {
                let (image, size) = (self.image(index)?, [height, width]);
                let region = choose(size);
                let part = resized(&region.cut(&image, size), [region.height, region.width], size, interpolation);
                // Sides of an image are within what can be resized.
                Ok(part.map_or(image, Cow::Owned))
            }
            Images::Files(files) => files.part(index, interpolation, &mut choose),
        }
    }

    /// Takes what a network sees of them, and their labels, into a sum.
    pub(crate) fn identify(&self, hash: &mut Sha256) {
        match &self.images {
            Images::Memory(pixels) => hash.update(pixels),
            Images::Files(files) => files.identify(hash),
        }
        for label in &self.labels {
            hash.update(label.to_le_bytes());
        }
    }

    /// Bytes of pixels that are held in memory at the most.
    pub fn memory(&self) -> u64 {
        match &self.images {
            Images::Memory(pixels) => pixels.len() as u64,
            Images::Files(files) => files.memory(),
        }
    }

    /// Whether an image may have to be decoded first, which is worth a thread of its own.
    pub(crate) fn are_files(&self) -> bool {
        matches!(self.images, Images::Files(_))
    }
}

/// What a reader of whole files gathers: all pixels and labels.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    /// `[n, c, h, w]`.
    pub pixels: Vec<u8>,
    /// `[n]`.
    pub labels: Vec<u32>,
}

impl Raw {
    /// Puts those of another file behind these.
    pub fn append(&mut self, mut other: Self) {
        self.pixels.append(&mut other.pixels);
        self.labels.append(&mut other.labels);
    }
}

impl From<Raw> for Samples {
    fn from(Raw { pixels, labels }: Raw) -> Self {
        Self::new(pixels, labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_slices_of_the_pixels() {
        let samples = Samples::new(vec![0, 10, 7, 7, 20, 30, 7, 7], vec![0, 1]);
        assert_eq!(*samples.image(1).unwrap(), [20, 30, 7, 7]);
        assert_eq!((samples.len(), samples.memory()), (2, 8));
    }
}
