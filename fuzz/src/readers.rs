//! Files of every kind that is read.

use std::{fs, path::Path, sync::OnceLock};

use kd2m_data::features::{Location, array_names, read_features, read_labels, read_weights};
use kd2m_nn::{
    Graph, onnx,
    weights::{self, Owner, Source},
    zoo::{self, ZooOptions},
};

use super::seeds;

fn written(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap_or(folder)).expect("a folder");
    // A new file, as one that is written over goes to the disk at once.
    let _ = fs::remove_file(&path);
    fs::write(&path, bytes).expect("a file of the fuzzer's own");
    path
}

/// Writes what is not there yet: the files beside the one that changes.
fn beside(folder: &Path, files: &[(&str, Vec<u8>)]) {
    for (name, bytes) in files {
        if !folder.join(name).exists() {
            written(folder, name, bytes);
        }
    }
}

/// Arrays as features, labels, weights and names.
fn arrays(folder: &Path, name: &str, bytes: &[u8]) {
    let path = written(folder, name, bytes);
    let location = Location::parse(&path.display().to_string());
    let _ = read_features(&location);
    let _ = read_labels(&location);
    let _ = read_weights(&location);
    for key in array_names(&location).unwrap_or_default().iter().take(4) {
        let _ = read_features(&Location::parse(&format!("{}:{key}", path.display())));
    }
}

pub fn npy(bytes: &[u8], folder: &Path) {
    arrays(folder, "x.npy", bytes);
}

pub fn npz(bytes: &[u8], folder: &Path) {
    arrays(folder, "x.npz", bytes);
}

/// Features and weights of networks.
pub fn safetensors(bytes: &[u8], folder: &Path) {
    arrays(folder, "x.safetensors", bytes);
    network(&folder.join("x.safetensors"));
}

/// One number a line.
pub fn labels(bytes: &[u8], folder: &Path) {
    let location = Location::parse(&written(folder, "x.txt", bytes).display().to_string());
    let _ = read_labels(&location);
    let _ = read_weights(&location);
}

fn network(path: &Path) {
    static GRAPH: OnceLock<Graph> = OnceLock::new();
    let graph = GRAPH
        .get_or_init(|| zoo::build("digits-cnn-teacher", &ZooOptions::new(10, 1, 8, 8)).expect("a network of the zoo"));
    let _ = weights::read_any(path);
    let _ = weights::metadata(path);
    let _ = weights::load(&Source::parse(path), graph, Owner::Any);
}

pub fn pth(bytes: &[u8], folder: &Path) {
    network(&written(folder, "x.pth", bytes));
}

pub fn onnx(bytes: &[u8], folder: &Path) {
    let path = written(folder, "x.onnx", bytes);
    let _ = onnx::open(&path, None);
    let _ = onnx::decode(bytes);
    // What the runtime is told of a model that is no graph.
    let _ = onnx::Interface::open(&path, None);
    let _ = onnx::with_output(bytes, "x");
}

/// MNIST's images, or its labels.
pub fn idx(bytes: &[u8], folder: &Path) {
    let folder = folder.join("idx");
    beside(&folder, &seeds::mnist());
    for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
        written(&folder, name, bytes);
        let _ = kd2m_data::load("mnist", Some(&folder));
        fs::remove_file(folder.join(name)).expect("the file just written");
        beside(&folder, &seeds::mnist());
    }
}

/// An archive, or one of the files in it.
pub fn cifar(bytes: &[u8], folder: &Path) {
    let _ = kd2m_data::load("cifar10", Some(&written(folder, "cifar-10-binary.tar.gz", bytes)));
    let folder = folder.join("cifar");
    beside(&folder, &seeds::cifar());
    written(&folder, "data_batch_1.bin", bytes);
    let _ = kd2m_data::load("cifar10", Some(&folder));
}

/// SVHN's.
pub fn mat(bytes: &[u8], folder: &Path) {
    let folder = folder.join("mat");
    beside(&folder, &[("test_32x32.mat", seeds::svhn())]);
    written(&folder, "train_32x32.mat", bytes);
    let _ = kd2m_data::load("svhn", Some(&folder));
}

/// An image set of the Hugging Face hub, as strictly as it is read and as leniently.
pub fn parquet(bytes: &[u8], folder: &Path) {
    let name = format!("parquet:{}", written(folder, "x.parquet", bytes).display());
    for skip_bad in [false, true] {
        let _ = kd2m_data::load_with(&name, None, &kd2m_data::Reading { skip_bad, ..Default::default() });
    }
}

pub fn images(bytes: &[u8], folder: &Path) {
    let path = written(folder, "x.png", bytes);
    let _ = kd2m_data::read_image(&path, [3, 8, 8], None, kd2m_data::Orientation::Apply);
    let _ = kd2m_data::read_image(&path, [1, 8, 8], None, kd2m_data::Orientation::Ignore);
}
