//! The first look at image files: every one is decoded once, on all threads. It finds those that are broken or of another size, whether all
//! are grey, and what mean and deviation of the training images come from; images that fit are kept, in memory and on disk.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{ImageFile, Kept, Set, Stored, stored::Writer};
use crate::source::folder::decode::{Size, decode};
use crate::statistics::Counts;
use crate::{DataError, Frame, Reading};

/// Image files that make a data set.
pub(crate) struct Listing {
    /// What their paths are told from.
    pub folder: PathBuf,
    /// Training images, then others.
    pub files: Vec<ImageFile>,
    /// How many of them are trained on.
    pub training: usize,
    /// How each comes to its size.
    pub frame: Option<Frame>,
}

/// What the first look found.
pub(crate) struct Surveyed {
    /// All images, to be asked for.
    pub set: Arc<Set>,
    /// Pixel values of those that are trained on.
    pub counts: Counts,
}

/// What some of the files are.
struct Found {
    counts: Counts,
    is_grey: bool,
    /// Each size that occurs, and the first file that has it.
    sizes: BTreeMap<Size, usize>,
    failures: Vec<(usize, DataError)>,
}

impl Found {
    fn nothing() -> Self {
        Self { counts: Counts::new(3), is_grey: true, sizes: BTreeMap::new(), failures: Vec::new() }
    }

    fn and(mut self, other: Self) -> Self {
        self.counts.merge(&other.counts);
        self.is_grey &= other.is_grey;
        for (size, index) in other.sizes {
            self.saw(size, index);
        }
        self.failures.extend(other.failures);
        self
    }

    fn saw(&mut self, size: Size, index: usize) {
        self.sizes.entry(size).and_modify(|first| *first = index.min(*first)).or_insert(index);
    }
}

/// Looks at all files, or at what a file of decoded images says of them.
///
/// # Errors
/// The first file that is no image or is broken, with the names of the others; the first of another size than the first file's; a file of
/// decoded images that cannot be written.
pub(crate) fn survey(listing: Listing, reading: &Reading) -> Result<Surveyed, DataError> {
    let Listing { folder, files, training, frame } = listing;
    let place = reading.cache.map(|cache| cache.join(name(&folder, &files, training, frame)));
    let kept = Kept::new(files.len(), reading.memory);
    let budget = reading.memory;
    if let Some((stored, facts)) =
        place.as_deref().and_then(|place| Stored::open(place, files.len()).transpose()).transpose()?
    {
        let set = Set { folder, files, frame, shape: facts.shape, kept, stored: Some(stored), budget };
        return Ok(Surveyed { set: Arc::new(set), counts: facts.counts });
    }
    let writer = place.map(|place| Writer::new(place, files.len())).transpose()?;
    let looked = AtomicUsize::new(0);
    let look = |mut found: Found, index: usize| {
        let file: &ImageFile = &files[index];
        match decode(&file.path, frame.as_ref()) {
            Ok(picture) => {
                let plane = picture.planes.len() / 3;
                if index < training {
                    found.counts.add(&picture.planes, plane);
                }
                found.is_grey &= picture.grey;
                found.saw(picture.size, index);
                let pixels = picture.compact();
                // What is cut anew from its file in each epoch is not asked for as it is.
                if index >= training || !reading.cuts {
                    kept.keep(index, &pixels);
                }
                if let Some(Err(error)) = writer.as_ref().map(|writer| writer.put(index, &pixels, plane)) {
                    found.failures.push((index, error));
                }
            }
            Err(error) => found.failures.push((index, error)),
        }
        if let Some(progress) = reading.progress {
            progress(looked.fetch_add(1, Relaxed) + 1, files.len());
        }
        found
    };
    let mut found = (0..files.len()).into_par_iter().fold(Found::nothing, look).reduce(Found::nothing, Found::and);
    found.failures.sort_by_key(|(index, _)| *index);
    let mut failures = found.failures.into_iter();
    let size = match failures.next() {
        Some((_, error)) => {
            let others: Vec<PathBuf> = failures.map(|(index, _)| files[index].path.clone()).collect();
            Err(error.with_others(&others))
        }
        None => one_size(&found.sizes, &files),
    };
    let (height, width) = match size {
        Ok(size) => size,
        Err(error) => {
            if let Some(writer) = writer {
                writer.abandon();
            }
            return Err(error);
        }
    };
    let channels = if found.is_grey { 1 } else { 3 };
    let shape = [channels, height as usize, width as usize];
    let counts = found.counts.first(channels);
    let stored = writer.map(|writer| writer.finish(shape, &counts)).transpose()?;
    let set = Set { folder, files, frame, shape, kept, stored, budget };
    Ok(Surveyed { set: Arc::new(set), counts })
}

/// The size that all files have.
fn one_size(sizes: &BTreeMap<Size, usize>, files: &[ImageFile]) -> Result<Size, DataError> {
    let mut by_place: Vec<(usize, Size)> = sizes.iter().map(|(size, index)| (*index, *size)).collect();
    by_place.sort_unstable();
    match by_place[..] {
        [] => Ok((0, 0)),
        [(_, size)] => Ok(size),
        [(first, (first_height, first_width)), (other, (height, width)), ..] => {
            let (shown, path) = (files[first].path.display(), files[other].path.display().to_string());
            let problem = format!(
                "is {height}×{width}, but {shown} is {first_height}×{first_width}: give all images one size, as in folder:PATH@{first_height}x{first_width}"
            );
            Err(DataError::format(&path, problem))
        }
    }
}

/// The name of the file that holds these images decoded: by all that decides what is in it.
fn name(folder: &Path, files: &[ImageFile], training: usize, frame: Option<Frame>) -> String {
    let frame = frame.map_or_else(String::new, |frame| frame.to_string());
    let mut hash = Sha256::new_with_prefix(format!("{training} of {}\n{frame}\n", files.len()));
    for file in files {
        hash.update(file.line(folder).as_bytes());
    }
    let sum = crate::dataset::hexadecimal(hash);
    format!("{}.images", &sum[..32])
}
