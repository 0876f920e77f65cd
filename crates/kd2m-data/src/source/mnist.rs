//! MNIST (LeCun, Cortes & Burges) and Fashion-MNIST (Xiao et al. 2017): four IDX files each, gzipped or not, in torchvision's or a plain folder.

use std::path::{Path, PathBuf};

use super::files::{existing_root, find, open};
use super::idx;
use crate::dataset::Description;
use crate::entry::Entry;
use crate::{Augment, DataError, Dataset, Samples};

const SIDE: usize = 28;

pub(crate) const MNIST: Entry = Entry {
    name: "mnist",
    about: "handwritten digits: 60,000 + 10,000 images, 1×28×28, 10 classes",
    files: "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, .gz or not, there or in mnist/ or MNIST/raw/",
    credit: "MNIST: Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0",
    takes_path: false,
    load: |_, root| {
        load(
            &MNIST,
            root,
            &["mnist", "MNIST/raw", "MNIST", "mnist/raw", ""],
            (0..10).map(|digit| digit.to_string()).collect(),
            false,
        )
    },
};

pub(crate) const FASHION_MNIST: Entry = Entry {
    name: "fashion_mnist",
    about: "clothing in MNIST's format: 60,000 + 10,000 images, 1×28×28, 10 classes",
    // Not the root itself: the files are named as MNIST's.
    files: "the four files of MNIST's names in fashion_mnist/ or FashionMNIST/raw/",
    credit: "Fashion-MNIST: H. Xiao, K. Rasul and R. Vollgraf (2017), MIT",
    takes_path: false,
    load: |_, root| {
        let names =
            ["t-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];
        load(
            &FASHION_MNIST,
            root,
            &["fashion_mnist", "FashionMNIST/raw", "fashion-mnist"],
            names.map(String::from).to_vec(),
            true,
        )
    },
};

fn load(
    entry: &Entry,
    root: Option<&Path>,
    folders: &[&str],
    class_names: Vec<String>,
    flip: bool,
) -> Result<Dataset, DataError> {
    let root = existing_root(entry, root)?;
    let part = |prefix: &str| {
        let path = |what: &str| locate(entry, root, folders, &format!("{prefix}-{what}-ubyte"));
        read_part(entry, &path("images-idx3")?, &path("labels-idx1")?)
    };
    let (train, test) = (part("train")?, part("t10k")?);
    let description = Description {
        name: entry.name.into(),
        shape: [1, SIDE, SIDE],
        class_names,
        scale: 1.0 / 255.0,
        // Digits in the field's MLP experiments are taken as they are; clothing may face either way.
        augment: if flip { Augment::CropFlip { padding: 2, flip } } else { Augment::None },
        val_fraction: 0.1,
        credit: entry.credit,
    };
    Ok(description.with(train, test))
}

fn locate(entry: &Entry, root: &Path, folders: &[&str], name: &str) -> Result<PathBuf, DataError> {
    // Some copies write a dot for the hyphen before `idx`.
    let dotted = name.replace("-idx", ".idx");
    let names = [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")];
    find(entry, root, folders, &names, "put the four IDX files there, gzipped or not")
}

fn read_part(entry: &Entry, images_path: &Path, labels_path: &Path) -> Result<Samples, DataError> {
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
    if let Some(record) = labels.values.iter().position(|&label| label > 9) {
        let label = f64::from(labels.values[record]);
        return Err(DataError::Label { place: labels_place, record, kind: "label", label, expected: "0 to 9".into() });
    }
    Ok(Samples { pixels: images.values, labels: labels.values.into_iter().map(u32::from).collect() })
}
