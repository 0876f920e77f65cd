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
    /// Those of two sets, one behind the other.
    Joined(Box<[Samples; 2]>),
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

    /// Others of the same shape behind these.
    pub(crate) fn and(self, others: Self) -> Self {
        let labels = [&self.labels[..], &others.labels].concat();
        Self { images: Images::Joined(Box::new([self, others])), labels }
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
            Images::Joined(sides) => {
                let (side, index) = side(sides, index);
                side.image(index)
            }
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
            Images::Joined(sides) => {
                let (side, index) = side(sides, index);
                // Not the closure itself: of it there would be one type more for each set.
                side.part(index, [0, height, width], interpolation, &mut choose as &mut dyn FnMut([usize; 2]) -> Region)
            }
        }
    }

    /// Takes what a network sees of them, and their labels, into a sum.
    pub(crate) fn identify(&self, hash: &mut Sha256) {
        match &self.images {
            Images::Memory(pixels) => hash.update(pixels),
            Images::Files(files) => files.identify(hash),
            Images::Joined(sides) => sides.iter().for_each(|side| side.identify(hash)),
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
            Images::Joined(sides) => sides.iter().map(Self::memory).sum(),
        }
    }

    /// Whether an image may have to be decoded first, which is worth a thread of its own.
    pub(crate) fn are_files(&self) -> bool {
        match &self.images {
            Images::Memory(_) => false,
            Images::Files(_) => true,
            Images::Joined(sides) => sides.iter().any(Self::are_files),
        }
    }
}

/// Which of two sets a sample of both is in, and where.
fn side(sides: &[Samples; 2], index: usize) -> (&Samples, usize) {
    let [first, second] = sides;
    match index.checked_sub(first.len()) {
        None => (first, index),
        Some(index) => (second, index),
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
        let joined = samples.clone().and(Samples::new(vec![1, 2, 3, 4], vec![7]));
        assert_eq!((&*joined.image(1).unwrap(), &*joined.image(2).unwrap()), (&[20, 30, 7, 7][..], &[1, 2, 3, 4][..]));
        assert_eq!((joined.memory(), &joined.labels[..], joined.are_files()), (12, &[0, 1, 7][..], false));
    }
}
