//! Data sets as the programs write them that the real ones come from (scipy, Pillow), with the pixels that torchvision reads; made by
//! `scripts/make_dataset_fixtures.py`.

use std::{fs, path::PathBuf};

use kd2m_data::{Dataset, Samples, load};

fn fixtures(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", name].iter().collect()
}

/// SVHN with this file as both of its parts.
fn svhn(file: &str) -> Dataset {
    let root = tempfile::tempdir().unwrap();
    for part in ["train_32x32.mat", "test_32x32.mat"] {
        fs::copy(fixtures("svhn").join(file), root.path().join(part)).unwrap();
    }
    load("svhn", Some(root.path())).unwrap_or_else(|why| panic!("{file}: {why}"))
}

#[test]
fn svhn_is_read_from_what_scipy_writes_in_any_number_type() {
    let files = fs::read_dir(fixtures("svhn")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = files.collect();
    assert_eq!(files.len(), 12);
    for file in files {
        let set = svhn(&file);
        let labels: &[u32] = if file == "one.mat" { &[7] } else { &[0, 3] };
        assert_eq!((&set.train.labels[..], &set.test.labels[..]), (labels, labels), "{file}");
        for i in 0..labels.len() {
            let expected = (0..3072).map(|at| {
                let (c, y, x) = (at / 1024, at / 32 % 32, at % 32);
                ((x + 2 * y + 5 * c + 50 * i) % 256) as u8
            });
            assert!(set.train.image(i).unwrap().iter().copied().eq(expected), "{file}, image {i}");
        }
    }
}

#[test]
fn tiny_imagenet_has_the_pixels_that_torchvision_reads() {
    let folder = fixtures("tiny-imagenet");
    let set = load("tiny-imagenet", Some(&folder)).unwrap();
    assert_eq!((set.channels, set.height, set.width), (3, 64, 64));
    assert_eq!(set.class_names, ["goldfish", "albatross"]);
    let labels = fs::read_to_string(folder.join("labels.txt")).unwrap();
    let labels: Vec<u32> = labels.split_whitespace().map(|label| label.parse().unwrap()).collect();
    assert_eq!((&set.train.labels, &set.test.labels[..]), (&labels, &[0, 1][..]));
    let pixels = fs::read(folder.join("pixels.rgb")).unwrap();
    let mut expected = pixels.chunks_exact(3 * 64 * 64);
    let mut same = |samples: &Samples| {
        for i in 0..samples.len() {
            let (own, rgb) = (samples.image(i).unwrap(), expected.next().unwrap());
            let planes = (0..3).flat_map(|c| rgb.iter().skip(c).step_by(3));
            assert!(own.iter().eq(planes), "image {i}");
        }
    };
    same(&set.train);
    same(&set.test);
    assert!(expected.next().is_none());
}
