//! MNIST (LeCun, Cortes & Burges), Fashion-MNIST (Xiao et al. 2017) and KMNIST (Clanuwat et al. 2018): four IDX files each, gzipped or not, in
//! torchvision's or a plain folder. `pairs.rs` reads them.

use std::path::{Path, PathBuf};

use super::files::{existing_root, find};
use super::pairs;
use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::{Augment, DataError, Dataset, Operation};

pub(crate) const MNIST: Entry = Entry {
    name: "mnist",
    about: "handwritten digits: 60,000 + 10,000 images, 1×28×28, 10 classes",
    files: "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, .gz or not, there or in mnist/ or MNIST/raw/",
    credit: "MNIST: Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0",
    takes_path: false,
    load: |Place { root, .. }| {
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
    load: |Place { root, .. }| {
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

pub(crate) const KMNIST: Entry = Entry {
    name: "kmnist",
    about: "cursive Japanese (kuzushiji) in MNIST's format: 60,000 + 10,000 images, 1×28×28, 10 classes",
    files: "the four files of MNIST's names in kmnist/ or KMNIST/raw/",
    credit: "KMNIST: T. Clanuwat et al. (2018), Deep Learning for Classical Japanese Literature; National Institute of Japanese Literature and CODH, CC BY-SA 4.0",
    takes_path: false,
    load: |Place { root, .. }| {
        let names = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"];
        load(&KMNIST, root, &["kmnist", "KMNIST/raw", "KMNIST"], names.map(String::from).to_vec(), false)
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
        pairs::read(entry, &path("images-idx3")?, &path("labels-idx1")?, 0..10)
    };
    let (train, test) = (part("train")?, part("t10k")?);
    let description = Description {
        name: entry.name.into(),
        shape: pairs::SHAPE,
        class_names,
        scale: 1.0 / 255.0,
        // Digits in the field's MLP experiments are taken as they are; clothing may face either way.
        augment: if flip { Augment::of(Operation::CropFlip { padding: 2, flip }) } else { Augment::none() },
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
