//! The images of one part, read.

use rayon::prelude::*;

use super::{
    decode::{Picture, decode},
    parts::Listed,
};
use crate::{DataError, Frame, samples::Raw};

/// The images of train, validation or test, in the order of class and file name.
pub(super) struct Part {
    pub listed: Listed,
    pub pictures: Vec<Picture>,
}

impl Part {
    /// Decodes what was listed.
    ///
    /// # Errors
    /// The first file, in order, that is no image or is broken, with the names of the others.
    pub fn read(listed: Listed, frame: Option<Frame>) -> Result<Self, DataError> {
        // All are decoded before the first error is looked at, so that the message does not depend on the threads.
        let decoded: Vec<Result<Picture, DataError>> =
            listed.paths.par_iter().map(|path| decode(path, frame.as_ref())).collect();
        let (mut pictures, mut first, mut others) = (Vec::with_capacity(decoded.len()), None, Vec::new());
        for (path, decoded) in listed.paths.iter().zip(decoded) {
            match decoded {
                Ok(picture) => pictures.push(picture),
                Err(error) if first.is_none() => first = Some(error),
                Err(_) => others.push(path.clone()),
            }
        }
        match first {
            None => Ok(Self { pictures, listed }),
            Some(error) => Err(error.with_others(&others)),
        }
    }

    /// The sentence on files that are not read.
    pub fn left_out(&self) -> Option<String> {
        let (left, read) = (self.listed.omitted.count(), self.listed.paths.len());
        let (folder, omitted, all) = (self.listed.folder.display(), &self.listed.omitted, left + read);
        (left > 0).then(|| format!("{folder}/: {left} of {all} files are not read ({omitted})"))
    }

    /// Pixels of so many channels and labels.
    pub fn into_raw(self, channels: usize) -> Raw {
        // Of grey pictures all three planes are the same.
        let of = |picture: &Picture| picture.planes.len() / 3 * channels;
        let mut pixels = Vec::with_capacity(self.pictures.iter().map(of).sum());
        self.pictures.iter().for_each(|picture| pixels.extend_from_slice(&picture.planes[..of(picture)]));
        Raw { pixels, labels: self.listed.labels }
    }
}
