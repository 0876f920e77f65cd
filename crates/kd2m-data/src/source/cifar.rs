//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their binary layout: records of one or two label bytes and 3,072 pixels, from a folder or the .tar.gz.
//! Read next: `archive.rs`, which hands over the files of either.

use std::path::Path;

use super::archive::{Layout, read_files};
use super::files::existing_root;
use crate::dataset::Description;
use crate::entry::Entry;
use crate::{Augment, DataError, Dataset, Samples};

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// What a label byte at the start of each record means, and how many values it takes.
type LabelByte = (&'static str, u32);

pub(crate) const CIFAR10: Entry = Entry {
    name: "cifar10",
    about: "photographs: 50,000 + 10,000 images, 3×32×32, 10 classes",
    files: "cifar-10-binary.tar.gz or the folder cifar-10-batches-bin/",
    credit: "CIFAR-10: A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images",
    takes_path: false,
    load: |_, root| {
        let layout = Layout {
            folders: &["cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "cifar10", ""],
            archives: &["cifar-10-binary.tar.gz", "cifar10/cifar-10-binary.tar.gz", "cifar-10-binary.tar"],
            files: &[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
                "test_batch.bin",
            ],
            help: "get cifar-10-binary.tar.gz, the binary version (the Python version is not read), from https://www.cs.toronto.edu/~kriz/cifar.html",
        };
        load(&CIFAR10, root, &layout, "test_batch.bin", &[("label", 10)], &CIFAR10_CLASSES)
    },
};

pub(crate) const CIFAR100: Entry = Entry {
    name: "cifar100",
    about: "photographs: 50,000 + 10,000 images, 3×32×32, 100 classes (fine labels)",
    files: "cifar-100-binary.tar.gz or the folder cifar-100-binary/",
    credit: "CIFAR-100: A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images",
    takes_path: false,
    load: |_, root| {
        let layout = Layout {
            folders: &["cifar-100-binary", "cifar100/cifar-100-binary", "cifar100", ""],
            archives: &["cifar-100-binary.tar.gz", "cifar100/cifar-100-binary.tar.gz", "cifar-100-binary.tar"],
            files: &["train.bin", "test.bin"],
            help: "get cifar-100-binary.tar.gz, the binary version (the Python version is not read), from https://www.cs.toronto.edu/~kriz/cifar.html",
        };
        load(&CIFAR100, root, &layout, "test.bin", &[("coarse label", 20), ("fine label", 100)], &CIFAR100_CLASSES)
    },
};

fn load(
    entry: &Entry,
    root: Option<&Path>,
    layout: &Layout,
    test_file: &str,
    label_bytes: &[LabelByte],
    names: &[&str],
) -> Result<Dataset, DataError> {
    let (mut train, mut test) = (Samples::default(), Samples::default());
    // Each file's bytes are freed once its records are taken.
    for (content, &name) in read_files(entry, existing_root(entry, root)?, layout)?.into_iter().zip(layout.files) {
        append(if name == test_file { &mut test } else { &mut train }, &content.place, &content.bytes, label_bytes)?;
    }
    let description = Description {
        name: entry.name.into(),
        shape: SHAPE,
        class_names: names.iter().map(|&name| name.into()).collect(),
        scale: 1.0 / 255.0,
        augment: Augment::CropFlip { padding: 4, flip: true },
        val_fraction: 0.1,
        credit: entry.credit,
    };
    Ok(description.with(train, test))
}

/// Appends the records of one file; the last label byte is the one that counts.
fn append(samples: &mut Samples, place: &str, bytes: &[u8], label_bytes: &[LabelByte]) -> Result<(), DataError> {
    let record_length = label_bytes.len() + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record_length) {
        let (found, over) = (bytes.len(), bytes.len() % record_length);
        let problem = format!(
            "{found} bytes are not whole records of {record_length} ({over} left over): the file is truncated or of another layout"
        );
        return Err(DataError::format(place, problem));
    }
    let count = bytes.len() / record_length;
    samples.pixels.reserve(count * PIXELS);
    for (record, bytes) in bytes.chunks_exact(record_length).enumerate() {
        let (labels, pixels) = bytes.split_at(label_bytes.len());
        for (&label, &(kind, values)) in labels.iter().zip(label_bytes) {
            if u32::from(label) >= values {
                let expected = format!("0 to {}", values - 1);
                return Err(DataError::Label { place: place.into(), record, kind, label: f64::from(label), expected });
            }
        }
        samples.pixels.extend_from_slice(pixels);
        samples.labels.extend(labels.last().map(|&label| u32::from(label)));
    }
    Ok(())
}

const CIFAR10_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

#[rustfmt::skip]
const CIFAR100_CLASSES: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy", "bridge", "bus", "butterfly",
    "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup",
    "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower",
    "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
    "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower",
    "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hundred_classes_are_in_alphabetical_order() {
        assert!(CIFAR100_CLASSES.is_sorted());
    }

    #[test]
    fn every_file_length_but_whole_records_is_an_error() {
        for length in [0, 1, 3072, 3074, 2 * 3073 - 1] {
            let error =
                append(&mut Samples::default(), "f", &vec![0; length], &[("label", 10)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("f: {length} bytes are not whole records of 3073")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..9300)) {
            let _ = append(&mut Samples::default(), "f", &bytes, &[("coarse label", 20), ("fine label", 100)]);
            let whole = bytes.len() / 3073 * 3073;
            let _ = append(&mut Samples::default(), "f", &bytes[..whole], &[("label", 10)]);
        }
    }
}
