//! STL-10 (Coates, Ng and Lee 2011) in its binary layout: images of 3×96×96 bytes whose columns are written one after another, labels 1 to 10.
//! Its 100,000 images without labels are not read.

use super::archive::{Layout, read_files};
use super::files::existing_root;
use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::samples::Raw;
use crate::{Augment, DataError, Dataset, Operation};

const SIDE: usize = 96;
const PLANE: usize = SIDE * SIDE;
const IMAGE: usize = 3 * PLANE;
const CLASSES: [&str; 10] = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];

pub(crate) const ENTRY: Entry = Entry {
    name: "stl10",
    about: "photographs: 5,000 + 8,000 images, 3×96×96, 10 classes",
    files: "stl10_binary.tar.gz or the folder stl10_binary/",
    credit: "STL-10: A. Coates, H. Lee and A. Y. Ng (2011), An Analysis of Single-Layer Networks in Unsupervised Feature Learning",
    takes_path: false,
    load,
};

fn load(Place { root, .. }: Place) -> Result<Dataset, DataError> {
    let layout = Layout {
        folders: &["stl10_binary", "stl10/stl10_binary", "stl10", ""],
        archives: &["stl10_binary.tar.gz", "stl10/stl10_binary.tar.gz", "stl10_binary.tar"],
        files: &["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"],
        help: "get stl10_binary.tar.gz from https://cs.stanford.edu/~acoates/stl10/",
    };
    let (_, contents) = read_files(&ENTRY, existing_root(&ENTRY, root)?, &[layout])?;
    let mut parts =
        contents.chunks_exact(2).map(|pair| part((&pair[0].place, &pair[0].bytes), (&pair[1].place, &pair[1].bytes)));
    let mut next = || parts.next().unwrap_or_else(|| Ok(Raw::default()));
    let (train, test) = (next()?, next()?);
    let description = Description {
        name: ENTRY.name.into(),
        shape: [3, SIDE, SIDE],
        class_names: CLASSES.map(String::from).to_vec(),
        scale: 1.0 / 255.0,
        augment: Augment::of(Operation::CropFlip { padding: 12, flip: true }),
        val_fraction: 0.1,
        credit: ENTRY.credit,
    };
    Ok(description.with(train, test))
}

/// A part from the content of its two files, each with its place.
fn part((place, pixels): (&str, &[u8]), (labels_place, labels): (&str, &[u8])) -> Result<Raw, DataError> {
    if labels.is_empty() || pixels.len() != labels.len() * IMAGE {
        let (found, count) = (pixels.len(), labels.len());
        let problem = format!(
            "{found} bytes are not {count} images of {IMAGE}, as many as {labels_place} has labels: a file is truncated"
        );
        return Err(DataError::format(place, problem));
    }
    let label = |(record, &label): (usize, &u8)| match label {
        1..=10 => Ok(u32::from(label) - 1),
        _ => Err(DataError::Label {
            place: labels_place.to_owned(),
            record,
            kind: "label",
            label: f64::from(label),
            expected: "1 to 10".to_owned(),
        }),
    };
    let labels = labels.iter().enumerate().map(label).collect::<Result<_, _>>()?;
    let upright = |plane: &[u8]| -> Vec<u8> { (0..PLANE).map(|at| plane[at % SIDE * SIDE + at / SIDE]).collect() };
    Ok(Raw { pixels: pixels.chunks_exact(PLANE).flat_map(upright).collect(), labels })
}
