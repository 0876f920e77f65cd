//! Images of 28×28 and their labels in two IDX files, as MNIST and its relatives have them.

use std::{ops::Range, path::Path};

use super::{files::open, idx};
use crate::{DataError, entry::Entry, samples::Raw};

const SIDE: usize = 28;

/// One channel, rows, columns.
pub(super) const SHAPE: [usize; 3] = [1, SIDE, SIDE];

/// Images and labels of two files; the labels become 0 and up.
///
/// # Errors
/// Files that cannot be read, break their format, do not belong together, hold no image or a label that is none of those expected.
pub(super) fn read(
    entry: &Entry,
    images_path: &Path,
    labels_path: &Path,
    expected: Range<u8>,
) -> Result<Raw, DataError> {
    let (images_place, labels_place) = (images_path.display().to_string(), labels_path.display().to_string());
    let images = idx::read::<3>(&images_place, open(images_path)?)?;
    let labels = idx::read::<1>(&labels_place, open(labels_path)?)?;
    let [count, height, width] = images.sizes;
    if (height, width) != (SIDE, SIDE) {
        return Err(DataError::format(
            &images_place,
            format!("images are {height} × {width}, those of {} are {SIDE} × {SIDE}", entry.name),
        ));
    }
    if count != labels.sizes[0] {
        let problem = format!(
            "{count} images, but {labels_place} has {} labels: the two files do not belong together",
            labels.sizes[0]
        );
        return Err(DataError::format(&images_place, problem));
    }
    if count == 0 {
        return Err(DataError::format(&images_place, "holds no image"));
    }
    if let Some(record) = labels.values.iter().position(|label| !expected.contains(label)) {
        let label = f64::from(labels.values[record]);
        let expected = format!("{} to {}", expected.start, expected.end - 1);
        return Err(DataError::Label { place: labels_place, record, kind: "label", label, expected });
    }
    let labels = labels.values.into_iter().map(|label| u32::from(label - expected.start)).collect();
    Ok(Raw { pixels: images.values, labels })
}
