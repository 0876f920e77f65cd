//! EMNIST (Cohen et al. 2017), its six splits: IDX files whose images lie on their side, which are turned upright here.

use std::path::Path;

use super::files::{existing_root, find};
use super::pairs;
use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::{Augment, DataError, Dataset};

/// Lower-case letters that are not merged with their capitals.
const APART: &str = "abdefghnqrt";
const DIGITS: &str = "0123456789";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

/// An entry for a split: its name among the files, its sizes, its classes, its first label.
macro_rules! split {
    ($entry:ident, $name:literal, $about:literal, $classes:expr, $first:literal) => {
        pub(crate) const $entry: Entry = Entry {
            name: concat!("emnist_", $name),
            about: $about,
            files: concat!(
                "emnist-",
                $name,
                "-train-images-idx3-ubyte, …-train-labels-idx1-ubyte, …-test-images-idx3-ubyte and \
                 …-test-labels-idx1-ubyte, .gz or not, there or in emnist/, gzip/ or EMNIST/raw/"
            ),
            credit: "EMNIST: G. Cohen, S. Afshar, J. Tapson and A. van Schaik (2017), from NIST Special Database 19",
            takes_path: false,
            load: |Place { root, .. }| load(&$entry, root, $name, &$classes, $first),
        };
    };
}

split!(
    BALANCED,
    "balanced",
    "handwritten digits and letters: 112,800 + 18,800 images, 1×28×28, 47 classes",
    [DIGITS, CAPITALS, APART],
    0
);
split!(
    BY_CLASS,
    "byclass",
    "handwritten digits and letters: 697,932 + 116,323 images, 1×28×28, 62 classes",
    [DIGITS, CAPITALS, LETTERS],
    0
);
split!(
    BY_MERGE,
    "bymerge",
    "handwritten digits and letters: 697,932 + 116,323 images, 1×28×28, 47 classes",
    [DIGITS, CAPITALS, APART],
    0
);
split!(
    OF_LETTERS,
    "letters",
    "handwritten letters, either case: 124,800 + 20,800 images, 1×28×28, 26 classes",
    [LETTERS],
    1
);
split!(OF_DIGITS, "digits", "handwritten digits: 240,000 + 40,000 images, 1×28×28, 10 classes", [DIGITS], 0);
split!(LIKE_MNIST, "mnist", "handwritten digits: 60,000 + 10,000 images, 1×28×28, 10 classes", [DIGITS], 0);

const FOLDERS: &[&str] = &["emnist", "EMNIST/raw", "gzip", "emnist/gzip", "EMNIST", ""];

fn load(entry: &Entry, root: Option<&Path>, split: &str, classes: &[&str], first: u8) -> Result<Dataset, DataError> {
    let root = existing_root(entry, root)?;
    let class_names: Vec<String> = classes.iter().flat_map(|classes| classes.chars()).map(String::from).collect();
    let labels = first..first + class_names.len() as u8;
    let part = |part: &str| {
        let path = |what: &str| {
            let name = format!("emnist-{split}-{part}-{what}-ubyte");
            let names = [name.clone(), format!("{name}.gz")];
            let help =
                "get gzip.zip from https://www.nist.gov/itl/products-and-services/emnist-dataset and unpack it there";
            find(entry, root, FOLDERS, &names, help)
        };
        let mut samples = pairs::read(entry, &path("images-idx3")?, &path("labels-idx1")?, labels.clone())?;
        let [_, height, width] = pairs::SHAPE;
        for image in samples.pixels.chunks_exact_mut(height * width) {
            upright(image, width);
        }
        Ok::<_, DataError>(samples)
    };
    let (train, test) = (part("train")?, part("test")?);
    let description = Description {
        name: entry.name.into(),
        shape: pairs::SHAPE,
        class_names,
        scale: 1.0 / 255.0,
        augment: Augment::none(),
        val_fraction: 0.1,
        credit: entry.credit,
    };
    Ok(description.with(train, test))
}

/// Turns a square image whose columns were written as rows.
fn upright(image: &mut [u8], side: usize) {
    for row in 0..side {
        for column in 0..row {
            image.swap(row * side + column, column * side + row);
        }
    }
}
