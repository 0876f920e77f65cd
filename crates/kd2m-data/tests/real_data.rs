//! The real MNIST and CIFAR-10, where a checkout has them beside it in `shared/data`, and Fashion-MNIST where Debian's package
//! `dataset-fashion-mnist` is installed; elsewhere these tests say that they are skipped. Their sums are those by which `kd2m data verify`
//! knows them.

use std::path::{Path, PathBuf};

use kd2m_data::{Dataset, Samples, load, published};

fn shared(file: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if folder.join(file).exists() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not there", folder.join(file).display());
    None
}

/// The sum of a data set's content as it is listed.
fn listed(name: &str) -> &'static str {
    let contents = published(name).unwrap().contents;
    contents.iter().find(|(own, _)| *own == name).unwrap().1
}

fn class_counts(dataset: &Dataset, samples: &Samples) -> Vec<usize> {
    let mut counts = vec![0; dataset.classes];
    for &label in &samples.labels {
        counts[label as usize] += 1;
    }
    counts
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 6e-5),
        "{found:?}, expected {expected:?}"
    );
}

#[test]
fn mnist_has_its_published_counts_mean_and_deviation() {
    let Some(root) = shared("mnist") else { return };
    let mnist = load("mnist", Some(&root)).unwrap();
    assert_eq!(class_counts(&mnist, &mnist.train), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(class_counts(&mnist, &mnist.test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_close(&mnist.mean, &[0.1307]);
    assert_close(&mnist.std, &[0.3081]);
    assert_eq!(mnist.checksum(), listed("mnist"));
}

#[test]
fn cifar10_has_its_published_counts_means_and_deviations() {
    let Some(root) = shared("cifar-10-binary.tar.gz") else { return };
    let cifar = load("cifar10", Some(&root)).unwrap();
    assert_eq!(class_counts(&cifar, &cifar.train), [5000; 10]);
    assert_eq!(class_counts(&cifar, &cifar.test), [1000; 10]);
    assert_close(&cifar.mean, &[0.4914, 0.4822, 0.4465]);
    assert_close(&cifar.std, &[0.2470, 0.2435, 0.2616]);
    assert_eq!(cifar.checksum(), listed("cifar10"));
}

#[test]
fn fashion_mnist_has_its_published_counts_mean_and_deviation() {
    let root = Path::new("/usr/share/datasets");
    if !root.join("fashion-mnist").is_dir() {
        return eprintln!("skipped: Debian's package dataset-fashion-mnist is not installed");
    }
    let fashion = load("fashion_mnist", Some(root)).unwrap();
    assert_eq!(class_counts(&fashion, &fashion.train), [6000; 10]);
    assert_eq!(class_counts(&fashion, &fashion.test), [1000; 10]);
    assert_close(&fashion.mean, &[0.2860]);
    assert_close(&fashion.std, &[0.3530]);
    assert_eq!(fashion.checksum(), listed("fashion_mnist"));
}
