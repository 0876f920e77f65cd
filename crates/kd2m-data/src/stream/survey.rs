//! The first look at image files: every one is decoded once, on all threads. It finds those that are broken or of another size, whether all
//! are grey, and what mean and deviation of the training images come from; images that fit are kept, in memory and on disk.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{ImageFile, Kept, Set, Stored, UPRIGHT, stored::Writer};
use crate::source::folder::decode::{Size, decode};
use crate::statistics::Counts;
use crate::{DataError, Frame, Orientation, Reading, Undecoded, left_out};

/// A byte of a picture is this much of 1.
const BYTE: f32 = 1.0 / 255.0;

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
    /// They are shown in colour even where all are grey.
    pub colour: bool,
}

/// What the first look found.
pub(crate) struct Surveyed {
    /// All images, to be asked for.
    pub set: Arc<Set>,
    /// Mean and deviation of each channel over those that are trained on, of pixels in 0…1.
    pub moments: (Vec<f32>, Vec<f32>),
    /// Files that are none of them.
    pub left: Left,
}

/// Files that cannot be decoded and were left out, by their place in the listing, and why.
#[derive(Debug, Default)]
pub(crate) struct Left(Vec<(usize, PathBuf, String)>);

impl Left {
    /// The labels of what was kept of a listing's first files and of the others behind them.
    pub fn keep_both(&self, first: &[u32], others: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let kept = |labels: &[u32], begin: usize| {
            let kept = labels.iter().enumerate().filter(|(i, _)| self.within(begin + i..begin + i + 1) == 0);
            kept.map(|(_, label)| *label).collect()
        };
        (kept(first, 0), kept(others, first.len()))
    }

    /// How many of these places of the listing were left out.
    pub fn within(&self, places: Range<usize>) -> usize {
        let place = |end: usize| self.0.partition_point(|(index, ..)| *index < end);
        place(places.end) - place(places.start)
    }

    /// The sentence on them, where there are some.
    pub fn note(&self, folder: &Path, all: usize) -> Option<String> {
        let one = |(_, path, why): &(usize, PathBuf, String)| {
            let ending = path.extension().map(|ending| format!(".{} ", ending.to_string_lossy().to_lowercase()));
            let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
            Undecoded { name, kind: format!("{}{why}", ending.unwrap_or_default()) }
        };
        let said = left_out(all, &self.0.iter().map(one).collect::<Vec<_>>())?;
        Some(format!("{}/: {said}", folder.display()))
    }
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

/// Looks at all files, or at what a file of decoded images says of them. Those that cannot be decoded are left out where that is asked for:
/// the others are looked at again then, so that what is remembered of them holds for them alone.
///
/// # Errors
/// The first file that is no image or is broken, with the names of the others; the first of another size than the first file's; a file of
/// decoded images that cannot be written.
pub(crate) fn survey(mut listing: Listing, reading: &Reading) -> Result<Surveyed, DataError> {
    let mut places: Vec<usize> = (0..listing.files.len()).collect();
    let mut left = Left::default();
    loop {
        let broken = match look(listing, reading)? {
            Looked::Whole(set, moments) => {
                left.0.sort_unstable();
                return Ok(Surveyed { set, moments, left });
            }
            Looked::Broken(rest, broken) => {
                listing = rest;
                broken
            }
        };
        listing.training -= broken.iter().filter(|(index, _)| *index < listing.training).count();
        let is_broken = |index: usize| broken.binary_search_by_key(&index, |(index, _)| *index).is_ok();
        for (index, why) in &broken {
            left.0.push((places[*index], listing.files[*index].path.clone(), why.clone()));
        }
        let (mut at, mut of_file) = (0..places.len(), 0..places.len());
        places.retain(|_| at.next().is_some_and(|index| !is_broken(index)));
        listing.files.retain(|_| of_file.next().is_some_and(|index| !is_broken(index)));
    }
}

/// What came of one look.
enum Looked {
    Whole(Arc<Set>, (Vec<f32>, Vec<f32>)),
    /// Some files are broken, and are to be left out: their places, ascending, and why.
    Broken(Listing, Vec<(usize, String)>),
}

fn look(listing: Listing, reading: &Reading) -> Result<Looked, DataError> {
    let Listing { folder, files, training, frame, colour } = listing;
    let how = How { training, frame, orientation: reading.orientation, colour };
    let place = reading.cache.map(|cache| cache.join(name(&folder, &files, how)));
    let kept = Kept::new(files.len(), reading.memory);
    let (budget, orientation) = (reading.memory, reading.orientation);
    if let Some((stored, facts)) =
        place.as_deref().and_then(|place| Stored::open(place, files.len()).transpose()).transpose()?
    {
        let set = Set { folder, files, frame, orientation, shape: facts.shape, kept, stored: Some(stored), budget };
        return Ok(Looked::Whole(Arc::new(set), facts.counts.moments(BYTE)));
    }
    let seen = reading.seen.filter(|_| !reading.skip_bad && reading.cache.is_none());
    let size = seen.and_then(|seen| frame.map_or(seen.size, |frame| frame.fixed_size()));
    if let (Some(seen), Some([height, width])) = (seen, size) {
        let shape = [seen.channels, height, width];
        let set = Set { folder, files, frame, orientation, shape, kept, stored: None, budget };
        return Ok(Looked::Whole(Arc::new(set), (seen.mean.clone(), seen.std.clone())));
    }
    let writer = place.map(|place| Writer::new(place, files.len())).transpose()?;
    let looked = AtomicUsize::new(0);
    let each = |mut found: Found, index: usize| {
        let file: &ImageFile = &files[index];
        match decode(&file.path, frame.as_ref(), orientation) {
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
    let mut found = (0..files.len()).into_par_iter().fold(Found::nothing, each).reduce(Found::nothing, Found::and);
    found.failures.sort_by_key(|(index, _)| *index);
    if let Some(broken) = undecodable(&found.failures).filter(|_| reading.skip_bad) {
        if let Some(writer) = writer {
            writer.abandon();
        }
        return Ok(Looked::Broken(Listing { folder, files, training, frame, colour }, broken));
    }
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
    let channels = if found.is_grey && !colour { 1 } else { 3 };
    let shape = [channels, height as usize, width as usize];
    let counts = found.counts.first(channels);
    let stored = writer.map(|writer| writer.finish(shape, &counts)).transpose()?;
    let set = Set { folder, files, frame, orientation, shape, kept, stored, budget };
    Ok(Looked::Whole(Arc::new(set), counts.moments(BYTE)))
}

/// All failures, where each is a file that cannot be decoded, and there are some.
fn undecodable(failures: &[(usize, DataError)]) -> Option<Vec<(usize, String)>> {
    let one = |(index, error): &(usize, DataError)| match error {
        DataError::Undecodable { why, .. } => Some((*index, why.clone())),
        _ => None,
    };
    let all: Vec<(usize, String)> = failures.iter().map(one).collect::<Option<_>>()?;
    (!all.is_empty()).then_some(all)
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

/// What decides what is in a file of decoded images, beside the files themselves.
struct How {
    training: usize,
    frame: Option<Frame>,
    orientation: Orientation,
    colour: bool,
}

/// The name of the file that holds these images decoded: by all that decides what is in it.
fn name(folder: &Path, files: &[ImageFile], how: How) -> String {
    let frame = how.frame.map_or_else(String::new, |frame| frame.to_string());
    let mut hash = Sha256::new_with_prefix(format!("{} of {}\n{frame}\n", how.training, files.len()));
    if how.orientation == Orientation::Apply {
        hash.update(UPRIGHT);
    }
    if how.colour {
        hash.update("in colour\n");
    }
    for file in files {
        hash.update(file.line(folder).as_bytes());
    }
    let sum = crate::dataset::hexadecimal(hash);
    format!("{}.images", &sum[..32])
}
