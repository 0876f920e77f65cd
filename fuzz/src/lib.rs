//! What hostile input meets: every reader of files, every option of every metric and every key of the configuration, each as a
//! function of bytes. An answer and an error are both right; a panic is not. The targets beside it hand it what libFuzzer makes, the
//! test `kd2m-cli/tests/fuzz.rs` what [`mutate`] makes of [`seeds`].

pub mod mutate;
mod options;
mod readers;
pub mod seeds;

use std::path::Path;

/// Takes bytes; the folder is its own, for files.
pub type Target = fn(&[u8], &Path);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("npy", readers::npy),
    ("npz", readers::npz),
    ("safetensors", readers::safetensors),
    ("labels", readers::labels),
    ("pth", readers::pth),
    ("onnx", readers::onnx),
    ("idx", readers::idx),
    ("cifar", readers::cifar),
    ("mat", readers::mat),
    ("parquet", readers::parquet),
    ("images", readers::images),
    ("config", options::config),
    ("metric", options::metric),
];

/// Runs the target of this name in a folder that this thread keeps: what a target of libFuzzer does.
pub fn run(name: &str, bytes: &[u8]) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder for files");
    }
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    FOLDER.with(|folder| target(bytes, folder.path()));
}
