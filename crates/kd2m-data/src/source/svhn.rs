//! SVHN, cropped digits (Netzer et al. 2011): `train_32x32.mat` and `test_32x32.mat`, MAT level 5 with `X` 32×32×3×n and `y` n×1.
//! `svhn-extra` trains on `extra_32x32.mat` too, 531,131 images more that are somewhat easier. The file's label 10 is the digit 0; a mirrored digit is another or none, so there is no flip.

use std::path::{Path, PathBuf};

use super::files::{existing_root, find, open};
use super::mat5::{self, Matrix, Values};
use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::samples::Raw;
use crate::{Augment, DataError, Dataset, Operation};

const TEST: &str = "test_32x32.mat";
const SIDE: usize = 32;
const CHANNELS: usize = 3;

pub(crate) const ENTRY: Entry = Entry {
    name: "svhn",
    about: "house numbers, cropped digits: 73,257 + 26,032 images, 3×32×32, 10 classes",
    files: "train_32x32.mat and test_32x32.mat, there or in svhn/",
    credit: "SVHN: Y. Netzer et al. (2011), Reading Digits in Natural Images with Unsupervised Feature Learning; for non-commercial use",
    takes_path: false,
    load: |Place { root, .. }| load(&ENTRY, root, &["train_32x32.mat"]),
};

pub(crate) const EXTRA: Entry = Entry {
    name: "svhn-extra",
    about: "house numbers with the easier ones, cropped digits: 604,388 + 26,032 images, 3×32×32, 10 classes",
    files: "train_32x32.mat, extra_32x32.mat and test_32x32.mat, there or in svhn/",
    credit: ENTRY.credit,
    takes_path: false,
    load: |Place { root, .. }| load(&EXTRA, root, &["train_32x32.mat", "extra_32x32.mat"]),
};

fn load(entry: &Entry, root: Option<&Path>, training: &[&str]) -> Result<Dataset, DataError> {
    let root = existing_root(entry, root)?;
    let help = format!(
        "get {} and {TEST} (format 2, cropped digits) from http://ufldl.stanford.edu/housenumbers",
        training.join(", ")
    );
    let locate = |name: &str| find(entry, root, &["svhn", "SVHN", ""], &[name.to_owned()], &help);
    // All are looked for before the first is read: a missing one should not cost minutes.
    let paths = training.iter().map(|name| locate(name)).collect::<Result<Vec<PathBuf>, DataError>>()?;
    let test = locate(TEST)?;
    let mut train = Raw::default();
    for path in &paths {
        train.append(part(path)?);
    }
    let test = part(&test)?;
    let description = Description {
        name: entry.name.into(),
        shape: [CHANNELS, SIDE, SIDE],
        class_names: (0..10).map(|digit| digit.to_string()).collect(),
        scale: 1.0 / 255.0,
        augment: Augment::of(Operation::CropFlip { padding: 4, flip: false }),
        val_fraction: 0.1,
        credit: entry.credit,
    };
    Ok(description.with(train, test))
}

fn part(path: &Path) -> Result<Raw, DataError> {
    let place = path.display().to_string();
    let matrices = mat5::read(&place, open(path)?, &["X", "y"])?;
    samples(&place, matrices)
}

fn samples(place: &str, matrices: Vec<Matrix>) -> Result<Raw, DataError> {
    let take = |name: &str| {
        matrices
            .iter()
            .find(|matrix| matrix.name == name)
            .ok_or_else(|| DataError::format(place, format!("holds no matrix `{name}`")))
    };
    let (images, labels) = (take("X")?, take("y")?);
    let (Values::U8(pixels), [SIDE, SIDE, CHANNELS, count]) = (&images.values, &images.sizes[..]) else {
        return Err(DataError::format(place, format!("`X` is {:?}, expected [32, 32, 3, n] of bytes", images.sizes)));
    };
    let labels = labels_of(place, labels)?;
    if labels.len() != *count {
        return Err(DataError::format(
            place,
            format!("`X` has {count} images but `y` has {} labels: they do not belong together", labels.len()),
        ));
    }
    if labels.is_empty() {
        return Err(DataError::format(place, "holds no image"));
    }
    Ok(Raw { pixels: to_rows(pixels), labels })
}

fn labels_of(place: &str, labels: &Matrix) -> Result<Vec<u32>, DataError> {
    let values: Vec<f64> = match &labels.values {
        Values::U8(values) => values.iter().map(|&value| f64::from(value)).collect(),
        Values::Other(values) => values.clone(),
    };
    let label = |(record, value): (usize, f64)| match value {
        // The digit 0 is stored as 10.
        value if value.fract() == 0.0 && (1.0..=10.0).contains(&value) => Ok(value as u32 % 10),
        label => {
            Err(DataError::Label { place: place.into(), record, kind: "label", label, expected: "1 to 10".into() })
        }
    };
    values.into_iter().enumerate().map(label).collect()
}

/// Column-major [y, x, c, n] to [n, c, y, x]: each plane is transposed.
fn to_rows(columns: &[u8]) -> Vec<u8> {
    let mut rows = vec![0; columns.len()];
    for (rows, columns) in rows.chunks_exact_mut(SIDE * SIDE).zip(columns.chunks_exact(SIDE * SIDE)) {
        for (y, row) in rows.chunks_exact_mut(SIDE).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = columns[x * SIDE + y];
            }
        }
    }
    rows
}
