//! Parquet files of image sets as Hugging Face's `datasets` writes them, made by `scripts/make_parquet_fixtures.py` with pyarrow. Image i is of
//! one colour: red i, green 10 i, blue 255 − i.

use std::{fs, path::Path};

use kd2m_data::{Dataset, Reading, Samples, load, load_with};
use proptest::prelude::*;

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet").join(name).display().to_string()
}

fn read(name: &str) -> Result<Dataset, String> {
    let place = fixture("");
    load(&format!("parquet:{}", fixture(name)), None).map_err(|e| e.to_string().replace(&place, "ROOT/"))
}

/// The numbers of a part's images, which are of one colour each.
fn numbers(samples: &Samples, plane: usize) -> Vec<u8> {
    let one = |i: usize| {
        let image = samples.image(i).unwrap();
        let colour = |channel: usize| image[channel * plane];
        assert!((0..3).all(|c| image[c * plane..(c + 1) * plane].iter().all(|x| *x == colour(c))));
        assert_eq!((colour(1), colour(2)), (10 * colour(0), 255 - colour(0)));
        colour(0)
    };
    (0..samples.len()).map(one).collect()
}

#[test]
fn a_folder_of_parts_is_read_in_the_order_of_its_files() {
    let set = read("parted").unwrap();
    assert_eq!((set.channels, set.height, set.width), (3, 6, 8));
    assert_eq!(set.class_names, ["cat", "dog", "owl"]);
    // Training images of both files, then those for validation, which are set apart.
    assert_eq!(numbers(&set.train, 48), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(set.train.labels, [0, 1, 2, 0, 1, 2, 0, 1, 2, 1]);
    assert_eq!(set.validation, [8, 9]);
    assert_eq!((numbers(&set.test, 48), &set.test.labels[..]), (vec![10, 11], &[0, 2][..]));
    assert!(set.notes.is_empty(), "{:?}", set.notes);
    let resized = read("parted@4x5").unwrap();
    assert_eq!((resized.height, resized.width), (4, 5));
    assert_eq!(numbers(&resized.test, 20), [10, 11]);
    // A path is also looked for under the data root.
    let root = fixture("");
    assert_eq!(load("parquet:parted", Some(Path::new(&root))).unwrap().checksum(), set.checksum());
}

#[test]
fn one_file_is_parted_by_class_with_its_fine_labels() {
    let set = read("fine.parquet").unwrap();
    assert_eq!(set.class_names, ["apple", "bear"]);
    let count = |labels: &[u32], class| labels.iter().filter(|label| **label == class).count();
    let counts = |set: &Dataset| [0, 1].map(|class| (count(&set.train.labels, class), count(&set.test.labels, class)));
    assert_eq!(counts(&set), [(4, 1), (4, 1)]);
    // The class of image i is i mod 2, wherever it went.
    for samples in [&set.train, &set.test] {
        let classes: Vec<u32> = numbers(samples, 48).iter().map(|number| u32::from(*number) % 2).collect();
        assert_eq!(classes, samples.labels);
    }
    let [note] = &set.notes[..] else { panic!("{:?}", set.notes) };
    assert!(
        note.ends_with("has no test part: 2 of 10 images are kept for testing (data.test_fraction = 0.2, by class)"),
        "{note}"
    );
    let name = format!("parquet:{}", fixture("fine.parquet"));
    let half = load_with(&name, None, &Reading { test_fraction: 0.4, ..Reading::default() }).unwrap();
    assert_eq!(counts(&half), [(3, 2), (3, 2)]);
    assert_eq!(load(&name, None).unwrap().checksum(), set.checksum());
}

#[test]
fn bytes_alone_and_words_for_classes_are_read_too() {
    let plain = read("plain.parquet").unwrap();
    assert_eq!(plain.class_names, ["0", "1", "2", "3"]);
    assert!(
        numbers(&plain.train, 48)
            .iter()
            .zip(&plain.train.labels)
            .all(|(i, label)| [3, 1][usize::from(*i % 2)] == *label)
    );
    let words = read("words.parquet").unwrap();
    assert_eq!(words.class_names, ["cat", "owl"]);
    assert!(
        numbers(&words.train, 48).iter().zip(&words.train.labels).all(|(i, label)| u32::from(i % 2 == 0) == *label)
    );
}

#[test]
fn a_test_part_without_classes_leaves_its_place_to_validation() {
    let set = read("secret").unwrap();
    assert_eq!((numbers(&set.train, 48), numbers(&set.test, 48)), (vec![0, 1, 2, 3, 4, 5], vec![6, 7]));
    assert!(set.validation.is_empty());
    let [note] = &set.notes[..] else { panic!("{:?}", set.notes) };
    assert!(note.ends_with("secret: the classes of test are kept secret (-1), it is left out"), "{note}");
}

/// Rows 2, 5 and 8 of ten hold a cut image, none, and text.
#[test]
fn rows_without_an_image_end_it_or_are_left_out() {
    let why = read("broken.parquet").unwrap_err();
    assert!(why.starts_with("ROOT/broken.parquet, row 2: cannot be decoded ("), "{why}");
    let reading = Reading { skip_bad: true, ..Reading::default() };
    let skipped = |name: &str| load_with(&format!("parquet:{}", fixture(name)), None, &reading);
    let set = skipped("broken.parquet").unwrap();
    let mut all = [numbers(&set.train, 48), numbers(&set.test, 48)].concat();
    for samples in [&set.train, &set.test] {
        let classes: Vec<u32> = numbers(samples, 48).iter().map(|number| u32::from(*number) % 2).collect();
        assert_eq!(classes, samples.labels);
    }
    all.sort_unstable();
    assert_eq!(all, [0, 1, 3, 4, 6, 7, 9]);
    let [left, parted] = &set.notes[..] else { panic!("{:?}", set.notes) };
    assert!(left.contains("broken.parquet: 3 of 10 images cannot be decoded and are left out ("), "{left}");
    assert!(left.contains("has no image: 1"), "{left}");
    assert!(left.ends_with("broken.parquet, row 2, broken.parquet, row 5, broken.parquet, row 8"), "{left}");
    assert!(parted.contains("has no test part"), "{parted}");
    for (name, class) in [("lost.parquet", "owl"), ("lost-word.parquet", "dog")] {
        let why = skipped(name).unwrap_err().to_string();
        assert!(why.ends_with(&format!("{name}: has no training image of class {class} that can be decoded")), "{why}");
    }
    // What is no matter of one image ends it all the same.
    assert!(skipped("bad/sizes.parquet").is_err() && skipped("bad/label.parquet").is_err());
}

#[test]
fn what_cannot_be_used_is_said() {
    for (name, expected) in [
        ("bad/no-image.parquet", "ROOT/bad/no-image.parquet: has no column of images (image, img), only text, label"),
        (
            "bad/no-label.parquet",
            "ROOT/bad/no-label.parquet: has no column of classes (label, labels, fine_label), only image",
        ),
        ("bad/null.parquet", "ROOT/bad/null.parquet, row 1: has no image"),
        (
            "bad/sizes.parquet",
            "ROOT/bad/sizes.parquet, row 1: is 6×9, but ROOT/bad/sizes.parquet, row 0 is 6×8: give all images one size, as in parquet:PATH@6x8",
        ),
        (
            "bad/label.parquet",
            "ROOT/bad/label.parquet: record 1 (counted from 0) has label 7, expected 0 to 2: the file is damaged or belongs to another data set",
        ),
    ] {
        assert_eq!(read(name).unwrap_err(), expected);
    }
    let why = read("bad/zstd.parquet").unwrap_err();
    assert!(
        why.starts_with("ROOT/bad/zstd.parquet: cannot be read as Parquet (") && why.contains("snappy or gzip"),
        "{why}"
    );
    let why = read("bad").unwrap_err();
    assert!(why.starts_with("ROOT/bad/no-image.parquet: has no column of images"), "{why}");
    let why = read("none").unwrap_err();
    assert!(why.starts_with("parquet: the file or folder is missing (looked for ROOT/none)"), "{why}");
    let root = tempfile::tempdir().unwrap();
    let empty = load(&format!("parquet:{}", root.path().display()), None).unwrap_err().to_string();
    assert!(empty.contains("holds no Parquet file: it must be a Parquet file with columns image and label"), "{empty}");
    fs::copy(fixture("words.parquet"), root.path().join("test-0.parquet")).unwrap();
    let untrained = load(&format!("parquet:{}", root.path().display()), None).unwrap_err().to_string();
    assert!(untrained.contains("holds no training images"), "{untrained}");
    fs::copy(fixture("fine.parquet"), root.path().join("train-0.parquet")).unwrap();
    let mixed = load(&format!("parquet:{}", root.path().display()), None).unwrap_err().to_string();
    assert!(mixed.contains("row 0: has class `owl`, which no training image has"), "{mixed}");
}

fn damaged(bytes: &[u8]) -> Result<Dataset, String> {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.parquet");
    fs::write(&path, bytes).unwrap();
    load(&format!("parquet:{}", path.display()), None).map_err(|e| e.to_string())
}

#[test]
fn every_cut_is_an_error() {
    let whole = fs::read(fixture("fine.parquet")).unwrap();
    for length in (0..whole.len()).step_by(13) {
        assert!(damaged(&whole[..length]).is_err(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn changed_bytes_never_panic(at in 0usize..1000, value: u8, which in 0usize..3) {
        let mut bytes = fs::read(fixture(["fine.parquet", "plain.parquet", "words.parquet"][which])).unwrap();
        // The end of a file, where its description is.
        let at = bytes.len() - 1 - at.min(bytes.len() - 1);
        bytes[at] = value;
        let _ = damaged(&bytes);
    }
}
