//! Teachers of PyTorch on JPEGs, through the whole program: decoding, resizing, cutting out, normalising, the network. Photographs and
//! PyTorch's logits are what `scripts/make_photograph_fixture.py` wrote; `scripts/check-teachers` is the same with trained networks on
//! 2,000 images, where there is PyTorch.

use std::{fs, path::Path, process::Command};

use kd2m_data::features::{Location, Values, read_features};
use kd2m_nn::{NamedTensor, Weights, init, weights, zoo};

/// CRC-32 as zlib has it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// A number in −1 … 1 by name and place.
fn drawn(seed: u32, at: usize) -> f32 {
    let mut x = (at as u32).wrapping_mul(2_654_435_761).wrapping_add(seed);
    for (shift, by) in [(15, 2_246_822_519), (13, 3_266_489_917)] {
        x = (x ^ (x >> shift)).wrapping_mul(by);
    }
    x ^= x >> 16;
    (x >> 8) as f32 / (1 << 23) as f32 - 1.0
}

/// As the script fills a tensor of this name.
fn filled(name: &str, shape: &[usize]) -> NamedTensor {
    let seed = crc32(name.as_bytes());
    let inward: usize = shape[1..].iter().product();
    let value = |u: f32| match name.rsplit('.').next() {
        _ if shape.len() > 1 => u * (6.0 / inward as f64).sqrt() as f32,
        Some("running_var") => 1.0 + u * 0.25,
        Some("weight") => 1.0 + u * 0.1,
        _ => u * 0.1,
    };
    let values = (0..shape.iter().product()).map(|at| value(drawn(seed, at))).collect();
    NamedTensor { shape: shape.to_vec(), values }
}

#[test]
fn logits_of_jpegs_are_those_of_pytorch() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/photographs");
    let text = fs::read_to_string(fixtures.join("logits.json")).unwrap();
    let right: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // The same in both parts and classes: only those of the first class of the test part are compared.
    for place in ["train/a", "train/b", "test/a", "test/b"] {
        fs::create_dir_all(path(place)).unwrap();
        for index in 0..if place == "test/a" { 6 } else { 1 } {
            fs::copy(fixtures.join(format!("{index}.jpg")), path(&format!("{place}/{index}.jpg"))).unwrap();
        }
    }
    for (model, preset) in [("resnet18", "imagenet"), ("tf_efficientnet_lite0", "lite")] {
        let graph = zoo::build(model, &zoo::ZooOptions::new(10, 3, 224, 224)).unwrap();
        let own: Weights = init::initialise(&graph, 0)
            .into_iter()
            .map(|(key, tensor)| (key.clone(), filled(&key, &tensor.shape)))
            .collect();
        weights::write(Path::new(&path("w.safetensors")), &own, None).unwrap();
        let (file, data, out) = (path("w.safetensors"), format!("folder:{}", path("")), path("f.npz"));
        let asked = [
            "features",
            &file,
            "--model",
            model,
            "--classes",
            "10",
            "--preset",
            preset,
            "--data",
            &data,
            "--out",
            &out,
        ];
        let said = Command::new(env!("CARGO_BIN_EXE_kd2m")).args(asked).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let found = read_features(&Location { path: path("f.npz").into(), key: Some("logits".to_owned()) }).unwrap();
        let Values::F32(found) = found.values else { panic!("logits are f32") };
        let rows: Vec<Vec<f64>> = serde_json::from_value(right[model].clone()).unwrap();
        assert_eq!(rows.len(), 6);
        for (own, row) in found.chunks(10).zip(&rows) {
            let off = own.iter().zip(row).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt();
            let mean = row.iter().sum::<f64>() / 10.0;
            let spread = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>().sqrt();
            assert!(off < 1e-4 * spread, "{model}: {off:e} of {spread}");
        }
        // Photographs tell: the next one's logits are others.
        let apart = rows[0].iter().zip(&rows[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart > 0.01, "{model}: all photographs look alike ({apart:e})");
    }
}
