//! Images that are files: decoded when they are asked for, kept in memory up to a budget, and in a file of decoded images where one is
//! asked for. Pixels do not depend on any of that, nor on the threads.
//!
//! `survey.rs` reads all of them once, before anything else is done; `file.rs` knows a file that has changed, `kept.rs` holds images in
//! memory, `stored.rs` on disk.

mod file;
mod kept;
mod stored;
mod survey;

use std::{borrow::Cow, ops::Range, path::PathBuf, sync::Arc};

use sha2::{Digest, Sha256};

pub(crate) use file::ImageFile;
use kept::Kept;
use stored::Stored;
pub(crate) use survey::{Listing, Surveyed, survey};

use crate::source::folder::decode::{Choose, decode, decode_part};
use crate::{DataError, Frame, Interpolation, Orientation};

/// What tells turned images from others in sums.
const UPRIGHT: &str = "turned by EXIF\n";

/// How an image of a grey data set has changed.
const NO_LONGER_GREY: &str = "it is no longer grey";

/// Some of the images of a [`Set`], in its order; clones share what is kept.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    set: Arc<Set>,
    range: Range<usize>,
}

/// All image files of a data set.
#[derive(Debug)]
pub(crate) struct Set {
    /// What paths are told from.
    folder: PathBuf,
    files: Vec<ImageFile>,
    frame: Option<Frame>,
    orientation: Orientation,
    /// Channels, height and width of every image.
    shape: [usize; 3],
    /// Of grey images one plane, of others three.
    kept: Kept,
    stored: Option<Stored>,
    /// Bytes that `kept` may hold.
    budget: u64,
}

impl Files {
    /// These images of a set.
    pub fn new(set: &Arc<Set>, range: Range<usize>) -> Self {
        Self { set: Arc::clone(set), range }
    }

    /// The pixels `[c, h, w]` of an image.
    ///
    /// # Errors
    /// A file that is gone, has changed since the survey or cannot be decoded; a damaged file of decoded images.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        let index = self.range.start + index;
        assert!(index < self.range.end, "an index beyond the images");
        self.set.image(index)
    }

    /// The part of an image's file that is chosen by height and width of its picture, brought to the size of all.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    ///
    /// # Panics
    /// If there are not so many.
    pub fn part(&self, index: usize, interpolation: Interpolation, choose: Choose) -> Result<Cow<'_, [u8]>, DataError> {
        let index = self.range.start + index;
        assert!(index < self.range.end, "an index beyond the images");
        self.set.part(index, interpolation, choose)
    }

    /// Bytes that are held of these images at the most.
    pub fn memory(&self) -> u64 {
        let all = self.range.len() as u64 * self.set.shape.iter().product::<usize>() as u64;
        all.min(self.set.budget)
    }

    /// Takes what decides their pixels into a sum: names, sizes and times of the files, and the way to the size that is seen.
    pub fn identify(&self, hash: &mut Sha256) {
        let frame = self.set.frame.map_or_else(String::new, |frame| frame.to_string());
        hash.update(frame.as_bytes());
        if self.set.orientation == Orientation::Apply {
            hash.update(UPRIGHT);
        }
        for file in &self.set.files[self.range.clone()] {
            hash.update(file.line(&self.set.folder).as_bytes());
        }
    }
}

impl Set {
    /// Channels, height and width of every image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn image(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        if let Some(pixels) = self.kept.get(index) {
            return Ok(self.whole(Cow::Borrowed(pixels)));
        }
        let pixels = match &self.stored {
            Some(stored) => stored.read(index, &self.files[index])?,
            None => self.decode(index)?,
        };
        self.kept.keep(index, &pixels);
        Ok(self.whole(Cow::Owned(pixels)))
    }

    fn part(&self, index: usize, interpolation: Interpolation, choose: Choose) -> Result<Cow<'_, [u8]>, DataError> {
        let file = &self.files[index];
        file.check()?;
        let [channels, height, width] = self.shape;
        let picture = decode_part(&file.path, [height, width], interpolation, self.orientation, choose)?;
        match channels {
            1 if !picture.grey => Err(file.changed(NO_LONGER_GREY)),
            _ => Ok(self.whole(Cow::Owned(picture.planes))),
        }
    }

    /// All channels, of grey images in colour too.
    fn whole<'a>(&self, pixels: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let [channels, height, width] = self.shape;
        if channels == 3 && pixels.len() == height * width { Cow::Owned(pixels.repeat(3)) } else { pixels }
    }

    /// One plane of a grey image, three of another.
    fn decode(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let file = &self.files[index];
        file.check()?;
        let picture = decode(&file.path, self.frame.as_ref(), self.orientation)?;
        let [channels, height, width] = self.shape;
        match picture.size {
            (h, w) if [h as usize, w as usize] != [height, width] => Err(file.changed("it has another size")),
            _ if channels == 1 && !picture.grey => Err(file.changed(NO_LONGER_GREY)),
            _ => Ok(picture.compact()),
        }
    }
}
