//! Good input of every kind, to begin from: files of the tests, and small ones made here.

use std::{fs, path::Path};

use kd2m::config::keys;
use kd2m_ot::divergence::registry::{self, Form};

use super::mutate::{NUMBERS, Random};

/// Of a target; `random` chooses where there are more than files: options and keys.
pub fn of(target: &str, random: &mut Random) -> Vec<Vec<u8>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Of this crate, or of the test that holds it.
    let root = crates.ancestors().find(|folder| folder.join("rustfmt.toml").is_file()).expect("the repository");
    let files = |folder: &str, endings: &[&str]| {
        let mut paths: Vec<_> =
            fs::read_dir(root.join(folder)).expect("a folder of tests").flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let fits = |path: &&std::path::PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
        paths.iter().filter(fits).map(|path| fs::read(path).expect("a file of tests")).collect::<Vec<_>>()
    };
    let features = "crates/kd2m-data/tests/features";
    match target {
        "npy" => files(features, &[".npy"]),
        "npz" => files(features, &[".npz"]),
        "safetensors" => files(features, &[".safetensors"]),
        "labels" => ["0\n1\n2\n", "3 1 2", "0.5\n0.25\n", "1e3\n", ""].map(|text| text.as_bytes().to_vec()).to_vec(),
        "pth" => {
            [files("crates/kd2m-nn/tests/fixtures", &[".pth"]), files("crates/kd2m-nn/tests/fixtures/forms", &[".pth"])]
                .concat()
        }
        "onnx" => [
            files("crates/kd2m-nn/tests/fixtures", &[".onnx"]),
            files("crates/kd2m-nn/tests/fixtures/onnx", &[".onnx"]),
        ]
        .concat(),
        "idx" => mnist().into_iter().map(|(_, bytes)| bytes).collect(),
        "cifar" => vec![tar(&cifar()), record(0)],
        "mat" => vec![svhn()],
        "parquet" => ["", "/bad", "/parted/data"]
            .iter()
            .flat_map(|below| files(&format!("crates/kd2m-data/tests/parquet{below}"), &[".parquet"]))
            .collect(),
        "images" => files(
            "crates/kd2m-data/tests/images",
            &[".jpg", ".png", ".bmp", ".tif", ".TIFF", ".tiff", ".webp", ".ppm", ".pgm"],
        ),
        "config" => {
            [files("configs", &[".toml"]), files("crates/kd2m/src/config", &[".toml"]), set_keys(root, random)].concat()
        }
        "metric" => metrics(random),
        _ => Vec::new(),
    }
}

/// The demonstration with a few of its keys set to numbers at the ends of ranges.
fn set_keys(root: &Path, random: &mut Random) -> Vec<Vec<u8>> {
    let demo = fs::read_to_string(root.join("crates/kd2m/src/config/digits-demo.toml")).expect("the demonstration");
    let names: Vec<String> = keys::keys()
        .into_iter()
        .map(|key| key.name.replacen("arm.", "arm.0.", 1).replacen("loss.", "loss.0.", 1))
        .collect();
    let one = |random: &mut Random| {
        let sets = (0..=random.below(3))
            .map(|_| format!("\n--set {}={}", names[random.below(names.len())], random.of(NUMBERS)));
        (demo.clone() + &sets.collect::<String>()).into_bytes()
    };
    (0..64).map(|_| one(random)).collect()
}

/// Every metric in every form, one of its options at the end of its range.
fn metrics(random: &mut Random) -> Vec<Vec<u8>> {
    let forms = [("", Form::Plain), ("class-", Form::WithinClasses), ("joint-", Form::Joint)];
    let mut all = Vec::new();
    for (prefix, form) in forms {
        for entry in registry::ENTRIES {
            for option in form.options_with(entry) {
                all.push(format!("{prefix}{}\n{}={}", entry.name, option.name, random.of(NUMBERS)).into_bytes());
            }
        }
    }
    all
}

/// MNIST's four files with three images of 2 × 2.
pub fn mnist() -> Vec<(&'static str, Vec<u8>)> {
    let idx = |sizes: &[u32], values: &[u8]| {
        let sizes_: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
        [&[0, 0, 8, sizes.len() as u8], &sizes_[..], values].concat()
    };
    let (images, labels) = (idx(&[3, 28, 28], &[7; 3 * 784]), idx(&[3], &[0, 1, 2]));
    vec![
        ("train-images-idx3-ubyte", images.clone()),
        ("train-labels-idx1-ubyte", labels.clone()),
        ("t10k-images-idx3-ubyte", images),
        ("t10k-labels-idx1-ubyte", labels),
    ]
}

fn record(label: u8) -> Vec<u8> {
    [vec![label], vec![label.wrapping_mul(20); 3072]].concat()
}

/// CIFAR-10's six files with one image each.
pub fn cifar() -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
        "test_batch.bin",
    ];
    names.into_iter().zip(0..).map(|(name, label)| (name, record(label))).collect()
}

/// POSIX's archive.
fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        let mut header = [0u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, &format!("cifar-10-batches-bin/{name}"));
        put(100, "0000644");
        put(124, &format!("{:011o}", content.len()));
        put(136, "00000000000");
        // The checksum counts its own place as blanks.
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\u{0}00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\u{0} ").as_bytes());
        bytes.extend(header);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// MATLAB's level 5, without compression: one image.
pub fn svhn() -> Vec<u8> {
    let element = |kind: u32, data: &[u8]| {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    };
    let mut bytes = b"MATLAB 5.0 MAT-file".to_vec();
    bytes.resize(124, b' ');
    bytes.extend([0, 1, b'I', b'M']);
    for (name, sizes, data) in [(b'X', &[32u32, 32, 3, 1][..], &[9u8; 3072][..]), (b'y', &[1, 1][..], &[3][..])] {
        let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
        let name = [1, 0, 1, 0, name, 0, 0, 0].to_vec();
        bytes.extend(element(
            14,
            &[element(6, &[9, 0, 0, 0, 0, 0, 0, 0]), element(5, &sizes), name, element(2, data)].concat(),
        ));
    }
    bytes
}
