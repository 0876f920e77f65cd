//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in the binary layout or the Python one, from a folder or the .tar.gz.
//! Read next: `kind.rs` (labels), `binary.rs` and `python.rs`, one layout each, then `archive.rs`, which hands over the files of either.

mod binary;
mod kind;
mod names;
mod python;

use std::path::Path;

use super::archive::{Content, Layout, read_files};
use super::files::existing_root;
use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::samples::Raw;
use crate::{Augment, DataError, Dataset, Operation};
use kind::{COARSE, FINE, Kind, LABEL};
use names::{CIFAR10_CLASSES, CIFAR100_CLASSES};

const SHAPE: [usize; 3] = [3, 32, 32];

/// How one of the two data sets lies on disk.
struct Source {
    entry: &'static Entry,
    /// The binary layout and the Python one.
    layouts: [Layout; 2],
    /// The files of the test part.
    tests: [&'static str; 2],
    /// As they stand before a record; the last one counts.
    kinds: &'static [Kind],
    names: &'static [&'static str],
}

const HELP_10: &str =
    "get cifar-10-binary.tar.gz or cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html";
const HELP_100: &str =
    "get cifar-100-binary.tar.gz or cifar-100-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html";

pub(crate) const CIFAR10: Entry = Entry {
    name: "cifar10",
    about: "photographs: 50,000 + 10,000 images, 3×32×32, 10 classes",
    files: "cifar-10-binary.tar.gz or cifar-10-python.tar.gz, or what is in it: cifar-10-batches-bin/ or cifar-10-batches-py/",
    credit: "CIFAR-10: A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images",
    takes_path: false,
    load: |Place { root, .. }| {
        let binary = Layout {
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
            help: HELP_10,
        };
        let python = Layout {
            folders: &["cifar-10-batches-py", "cifar10/cifar-10-batches-py", "cifar10", ""],
            archives: &["cifar-10-python.tar.gz", "cifar10/cifar-10-python.tar.gz", "cifar-10-python.tar"],
            files: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"],
            help: HELP_10,
        };
        let tests = ["test_batch.bin", "test_batch"];
        let (entry, layouts, kinds) = (&CIFAR10, [binary, python], &[LABEL]);
        load(root, &Source { entry, layouts, tests, kinds, names: &CIFAR10_CLASSES })
    },
};

pub(crate) const CIFAR100: Entry = Entry {
    name: "cifar100",
    about: "photographs: 50,000 + 10,000 images, 3×32×32, 100 classes (fine labels)",
    files: "cifar-100-binary.tar.gz or cifar-100-python.tar.gz, or what is in it: cifar-100-binary/ or cifar-100-python/",
    credit: "CIFAR-100: A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images",
    takes_path: false,
    load: |Place { root, .. }| {
        let binary = Layout {
            folders: &["cifar-100-binary", "cifar100/cifar-100-binary", "cifar100", ""],
            archives: &["cifar-100-binary.tar.gz", "cifar100/cifar-100-binary.tar.gz", "cifar-100-binary.tar"],
            files: &["train.bin", "test.bin"],
            help: HELP_100,
        };
        // Not the data root itself: `train` and `test` are names of anything there.
        let python = Layout {
            folders: &["cifar-100-python", "cifar100/cifar-100-python", "cifar100"],
            archives: &["cifar-100-python.tar.gz", "cifar100/cifar-100-python.tar.gz", "cifar-100-python.tar"],
            files: &["train", "test"],
            help: HELP_100,
        };
        let (entry, layouts, kinds) = (&CIFAR100, [binary, python], &[COARSE, FINE]);
        load(root, &Source { entry, layouts, tests: ["test.bin", "test"], kinds, names: &CIFAR100_CLASSES })
    },
};

fn load(root: Option<&Path>, source: &Source) -> Result<Dataset, DataError> {
    let Source { entry, layouts, tests, kinds, names } = source;
    let (which, contents) = read_files(entry, existing_root(entry, root)?, layouts)?;
    let append = [binary::append, python::append][which];
    let (mut train, mut test) = (Raw::default(), Raw::default());
    // Each file's bytes are freed once its records are taken.
    for (Content { place, bytes }, &name) in contents.into_iter().zip(layouts[which].files) {
        append(if name == tests[which] { &mut test } else { &mut train }, &place, &bytes, kinds)?;
    }
    let description = Description {
        name: entry.name.into(),
        shape: SHAPE,
        class_names: names.iter().map(|&name| name.into()).collect(),
        scale: 1.0 / 255.0,
        augment: Augment::of(Operation::CropFlip { padding: 4, flip: true }),
        val_fraction: 0.1,
        credit: entry.credit,
    };
    Ok(description.with(train, test))
}
